{{/* What every object is named and labelled after; "part" is worker, endpoint, sink-clickhouse, ... */}}
{{- define "freshet.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "freshet.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "freshet.labels" -}}
{{ include "freshet.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* "tag" is of one kind of pods, "" = that of all. */}}
{{- define "freshet.image" -}}
{{ .root.Values.image.repository }}:{{ .tag | default .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* What all pods have in common: nobody's rights, a read-only root, secrets as files. */}}
{{- define "freshet.pod" -}}
serviceAccountName: {{ include "freshet.name" . }}
automountServiceAccountToken: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "freshet.container" -}}
image: {{ include "freshet.image" . | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: ["ALL"]
envFrom:
  - configMapRef:
      name: {{ include "freshet.name" .root }}
{{- end }}

{{- define "freshet.secretEnv" -}}
{{- range $name, $from := .Values.secrets }}
- name: {{ $name }}_FILE
  value: /etc/freshet/secrets/{{ $name }}/{{ $from.key }}
{{- end }}
{{- end }}

{{- define "freshet.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- range $name, $from := .Values.secrets }}
- name: {{ $name | lower | replace "_" "-" }}
  mountPath: /etc/freshet/secrets/{{ $name }}
  readOnly: true
{{- end }}
{{- range $name, $from := .Values.files }}
- name: file-{{ $name }}
  mountPath: /etc/freshet/files/{{ $name }}
  readOnly: true
{{- end }}
{{- end }}

{{- define "freshet.volumes" -}}
- name: tmp
  emptyDir: {}
{{- range $name, $from := .Values.secrets }}
- name: {{ $name | lower | replace "_" "-" }}
  secret:
    secretName: {{ $from.secret }}
    items:
      - key: {{ $from.key }}
        path: {{ $from.key }}
{{- end }}
{{- range $name, $from := .Values.files }}
- name: file-{{ $name }}
  secret:
    secretName: {{ $from.secret }}
{{- end }}
{{- end }}

{{/* Liveness is the event loop's, readiness is that partitions are restored and owned. */}}
{{- define "freshet.probes" -}}
livenessProbe:
  httpGet: {path: /healthz, port: {{ .port }}{{ with .scheme }}, scheme: {{ . }}{{ end }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: {{ .port }}{{ with .scheme }}, scheme: {{ . }}{{ end }}}
  periodSeconds: 5
  timeoutSeconds: 5
startupProbe:
  httpGet: {path: /healthz, port: {{ .port }}{{ with .scheme }}, scheme: {{ . }}{{ end }}}
  periodSeconds: 2
  failureThreshold: 90
{{- end }}

{{/* The changed configuration restarts pods. */}}
{{- define "freshet.annotations" -}}
checksum/config: {{ toJson .Values.config | sha256sum }}
{{- end }}

{{- define "freshet.scraped" -}}
prometheus.io/scrape: "true"
prometheus.io/path: /metrics
prometheus.io/port: {{ . | quote }}
{{- end }}

{{/* Not empty where anybody may read the metrics of endpoints: else they want a token of the scope freshet:metrics. */}}
{{- define "freshet.openMetrics" -}}
{{- if eq (.Values.config.FRESHET_ENDPOINT_SECURITY | default "auto") "off" }}true{{ end }}
{{- end }}
