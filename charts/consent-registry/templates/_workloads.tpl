{{/* What belongs to a Deployment. Each takes root, component and values. */}}

{{- define "consent-registry.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "consent-registry.componentName" . }}
  labels:
    {{- include "consent-registry.labels" . | nindent 4 }}
# Nothing here talks to the Kubernetes API.
automountServiceAccountToken: false
{{- end -}}

{{- define "consent-registry.autoscaler" -}}
{{- with .values.autoscaling -}}
{{- if .enabled -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "consent-registry.componentName" $ }}
  labels:
    {{- include "consent-registry.labels" $ | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "consent-registry.componentName" $ }}
  minReplicas: {{ .minReplicas }}
  maxReplicas: {{ .maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ .targetCPUUtilizationPercentage }}
  behavior:
    scaleDown:
      # Campaigns come in bursts: what one has brought up is kept for the next.
      stabilizationWindowSeconds: 600
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "consent-registry.disruptionBudget" -}}
{{- with .values.podDisruptionBudget -}}
{{- if .enabled -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "consent-registry.componentName" $ }}
  labels:
    {{- include "consent-registry.labels" $ | nindent 4 }}
spec:
  maxUnavailable: {{ .maxUnavailable }}
  # A pod that is not ready holds up no drain: with the database gone, all of them are not.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "consent-registry.selectorLabels" $ | nindent 6 }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "consent-registry.serviceMonitor" -}}
{{- with .root.Values.metrics.serviceMonitor -}}
{{- if .enabled -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ include "consent-registry.componentName" $ }}
  labels:
    {{- merge (include "consent-registry.labels" $ | fromYaml) .labels | toYaml | nindent 4 }}
spec:
  selector:
    matchLabels:
      {{- include "consent-registry.selectorLabels" $ | nindent 6 }}
  namespaceSelector:
    matchNames: [{{ $.root.Release.Namespace }}]
  endpoints:
    - port: metrics
      interval: {{ .interval }}
      scrapeTimeout: {{ .scrapeTimeout }}
{{- end -}}
{{- end -}}
{{- end -}}
