{{/* Names and labels. A name is cut so that every suffix of the chart still fits into 63 characters. */}}

{{- define "consent-registry.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "consent-registry.fullname" -}}
{{- $name := include "consent-registry.name" . -}}
{{- $whole := .Values.fullnameOverride -}}
{{- if not $whole -}}
{{- $whole = ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- end -}}
{{- $whole = $whole | replace "." "-" -}}
{{- if gt (len $whole) 40 -}}
{{- /* What is cut off goes into a checksum, so that two long names do not become one. */ -}}
{{- printf "%s-%s" ($whole | trunc 31 | trimSuffix "-") (sha256sum $whole | trunc 8) -}}
{{- else -}}
{{- $whole -}}
{{- end -}}
{{- end -}}

{{/* Takes root and component. */}}
{{- define "consent-registry.componentName" -}}
{{- printf "%s-%s" (include "consent-registry.fullname" .root) .component -}}
{{- end -}}

{{/* Takes root and component. */}}
{{- define "consent-registry.selectorLabels" -}}
app.kubernetes.io/name: {{ include "consent-registry.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Takes root and component. */}}
{{- define "consent-registry.labels" -}}
{{ include "consent-registry.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: consent-registry
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "consent-registry.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}
