# The control plane, and `sluice drain`. Envoy has an image of its own: envoyproxy/envoy:distroless-*.
FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts/build.js scripts/build.js
COPY proto proto
COPY src src
RUN npm run build

# No shell and no package manager; the user is 65532.
FROM gcr.io/distroless/nodejs22-debian12:nonroot
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /build/package.json ./
COPY --from=build /build/dist dist
COPY envoy envoy
USER 65532:65532
EXPOSE 18000 18001
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/main.js"]
