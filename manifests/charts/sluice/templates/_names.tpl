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

{{/* What the ConfigMap with the settings for all Ingresses holds, as YAML; empty for none. */}}
{{- define "sluice.settingsData" -}}
{{- $prefix := printf "%s/%s" .Release.Namespace (include "sluice.settings" .) }}
{{- $data := dict }}
{{- range $key, $value := .Values.controller.config }}{{ $_ := set $data $key (toString $value) }}{{ end }}
{{- if .Values.controller.addHeaders }}{{ $_ := set $data "add-headers" (printf "%s-add-headers" $prefix) }}{{ end }}
{{- if .Values.controller.proxySetHeaders }}{{ $_ := set $data "proxy-set-headers" (printf "%s-proxy-set-headers" $prefix) }}{{ end }}
{{- if .Values.controller.allowSnippetAnnotations }}{{ $_ := set $data "allow-snippet-annotations" "true" }}{{ end }}
{{- if $data }}{{ toYaml $data }}{{ end }}
{{- end }}

{{- define "sluice.electionID" -}}{{ .Values.controller.electionID | default "sluice-leader" }}{{- end }}

{{- define "sluice.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Whether a value says nothing: it is empty, not enabled, or all of it is empty. */}}
{{- define "sluice.isOff" -}}
{{- if empty . }}true
{{- else if kindIs "map" . }}
{{- if hasKey . "enabled" }}{{ if not .enabled }}true{{ end }}
{{- else if not (compact (values .)) }}true{{ end }}
{{- end }}
{{- end }}

{{/* Keys of ingress-nginx that mean nothing here: who has set them should know. */}}
{{- define "sluice.refusals" -}}
{{- $told := dict
  "admissionWebhooks" "Sluice has no admission webhook: what is wrong with an Ingress is told as a problem and costs only what it is about"
  "customTemplate" "there is no nginx.conf, and so no template of it"
  "tcp" "Sluice serves HTTP only"
  "udp" "Sluice serves HTTP only"
  "hostPort" "use controller.hostNetwork"
  "extraModules" "there are no nginx modules"
  "opentelemetry" "there are no nginx modules"
  "extraInitContainers" "the Pods are those of this chart: add to them with a post-renderer of Helm"
  "extraContainers" "the Pods are those of this chart: add to them with a post-renderer of Helm"
  "extraVolumes" "the Pods are those of this chart: add to them with a post-renderer of Helm"
  "extraVolumeMounts" "the Pods are those of this chart: add to them with a post-renderer of Helm"
  "maxmindLicenseKey" "nothing here looks up where clients are"
-}}
{{- range $key, $why := $told }}
{{- $value := index $.Values.controller $key }}
{{- $off := include "sluice.isOff" $value }}
{{- if not $off }}{{ fail (printf "controller.%s: %s" $key $why) }}{{ end }}
{{- end }}
{{- range $key, $why := dict
  "defaultBackend" "deploy it yourself, and name its Service in controller.extraArgs.default-backend-service, as NAMESPACE/NAME"
  "tcp" "Sluice serves HTTP only"
  "udp" "Sluice serves HTTP only"
}}
{{- $value := index $.Values $key }}
{{- $off := include "sluice.isOff" $value }}
{{- if not $off }}{{ fail (printf "%s: %s" $key $why) }}{{ end }}
{{- end }}
{{- end }}
