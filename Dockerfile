# The image by Docker, for those whose images all come from a Dockerfile: make docker (docs/image.md). `plumbline image` makes the
# same without Docker, and the same again to the byte.
#
# BASE needs glibc and libstdc++. FILES is the stage that has what goes on it: from-source builds all of it, prebuilt takes what
# `plumbline image --output files:dist/files` has written. Either works for one platform and for several; nothing is emulated.
ARG BASE
ARG FILES=from-source
ARG GO_IMAGE=golang:1.26-trixie

# The program of this machine, which has the models in it, lays out the files for any other.
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS from-source
WORKDIR /source
COPY . .
RUN make build
ARG TARGETARCH
RUN make linux-$TARGETARCH && dist/plumbline image --platform linux/$TARGETARCH --output files:dist/files

FROM scratch AS prebuilt
COPY dist/files /source/dist/files

FROM ${FILES} AS files

FROM ${BASE}
ARG TARGETARCH
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
COPY --from=files /source/dist/files/${TARGETARCH} /
LABEL org.opencontainers.image.title="plumbline" \
      org.opencontainers.image.description="Measures how people sit and stand: pictures in over MQTT, posture rows out" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.licenses="MIT"
USER 65532:65532
WORKDIR /
ENTRYPOINT ["/usr/local/bin/plumbline"]
