{{- define "sluice.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}
{{- end }}

{{- define "sluice.account" -}}
{{- .Values.serviceAccount.name | default (ternary (include "sluice.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{/* Of a part: (list $ "envoy") */}}
{{- define "sluice.selector" -}}
app.kubernetes.io/name: {{ default (index . 0).Chart.Name (index . 0).Values.nameOverride }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "sluice.labels" -}}
{{ include "sluice.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
app.kubernetes.io/part-of: sluice
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end }}

{{/* (list image default-tag) */}}
{{- define "sluice.image" -}}
{{- $image := index . 0 }}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}{{ else }}{{ $image.repository }}:{{ $image.tag | default (index . 1) }}{{ end }}
{{- end }}

{{- define "sluice.httpPort" -}}{{ .Values.controller.containerPort.http | default (ternary 80 8080 .Values.controller.hostNetwork) }}{{- end }}
{{- define "sluice.httpsPort" -}}{{ .Values.controller.containerPort.https | default (ternary 443 8443 .Values.controller.hostNetwork) }}{{- end }}
{{- define "sluice.className" -}}{{ .Values.controller.ingressClass | default .Values.controller.ingressClassResource.name }}{{- end }}
{{- define "sluice.watched" -}}{{ .Values.controller.scope.namespace | default .Release.Namespace }}{{- end }}

{{- define "sluice.settings" -}}{{ include "sluice.fullname" . }}-settings{{- end }}

{{- define "sluice.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Keys of ingress-nginx that mean nothing here: who has set them should know. */}}
{{- define "sluice.refusals" -}}
{{- $told := dict
  "admissionWebhooks" "Sluice has no admission webhook: what is wrong with an Ingress is told as a problem and costs only what it is about"
  "addHeaders" "headers are not added globally"
  "proxySetHeaders" "headers are not added globally"
  "customTemplate" "there is no nginx.conf, and so no template of it"
  "allowSnippetAnnotations" "there is no nginx.conf, so snippets cannot be served"
  "tcp" "Sluice serves HTTP only"
  "udp" "Sluice serves HTTP only"
  "hostPort" "use controller.hostNetwork"
  "extraModules" "there are no nginx modules"
  "opentelemetry" "there are no nginx modules"
-}}
{{- range $key, $why := $told }}
{{- $value := index $.Values.controller $key }}
{{- $off := or (empty $value) (and (kindIs "map" $value) (hasKey $value "enabled") (not $value.enabled)) }}
{{- if not $off }}{{ fail (printf "controller.%s: %s" $key $why) }}{{ end }}
{{- end }}
{{- end }}
