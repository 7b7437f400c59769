{{- define "tradewind.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 45 | trimSuffix "-" -}}
{{- end -}}

{{- define "tradewind.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "tradewind.selector" . }}
{{- end -}}

{{- define "tradewind.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tradewind.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{- define "tradewind.uses" -}}
{{- if has .executor (splitList "," (nospace .root.Values.executor)) -}}yes{{- end -}}
{{- end -}}

{{- define "tradewind.keysSecret" -}}
{{- default (printf "%s-keys" (include "tradewind.fullname" .)) .Values.keysSecretName -}}
{{- end -}}

{{- define "tradewind.metadataSecret" -}}
{{- default (printf "%s-metadata" (include "tradewind.fullname" .)) .Values.data.metadataSecretName -}}
{{- end -}}

{{- define "tradewind.brokerSecret" -}}
{{- default (printf "%s-broker" (include "tradewind.fullname" .)) .Values.data.brokerUrlSecretName -}}
{{- end -}}

{{- define "tradewind.schedulerAccount" -}}
{{- $own := printf "%s-scheduler" (include "tradewind.fullname" .) -}}
{{- with .Values.scheduler.serviceAccount }}{{ default (ternary $own "default" .create) .name }}{{ end -}}
{{- end -}}

{{- define "tradewind.workerAccount" -}}
{{- $own := printf "%s-worker" (include "tradewind.fullname" .) -}}
{{- with .Values.workers.serviceAccount }}{{ default (ternary $own "default" .create) .name }}{{ end -}}
{{- end -}}

{{- define "tradewind.taskNamespace" -}}
{{- default .Release.Namespace .Values.kubernetesExecutor.namespace -}}
{{- end -}}

{{- define "tradewind.apiUrl" -}}
http://{{ include "tradewind.fullname" . }}-api.{{ .Release.Namespace }}:{{ .Values.apiServer.service.port }}
{{- end -}}

{{- /* Settings that every part has, workers included: nothing here opens anything. */ -}}
{{- define "tradewind.commonEnv" -}}
- name: TRADEWIND_HOME
  value: /var/lib/tradewind
- name: TRADEWIND__CORE__DAGS_FOLDER
  value: /dags
- name: TRADEWIND__WORKERS__SERVER
  value: {{ include "tradewind.apiUrl" . }}
{{- if include "tradewind.uses" (dict "executor" "CeleryExecutor" "root" .) }}
- name: TRADEWIND__CELERY__BROKER_URL_SECRET
  value: /run/secrets/tradewind-broker/connection
{{- end }}
{{- range $section, $settings := .Values.config }}
{{- range $key, $value := $settings }}
- name: TRADEWIND__{{ upper $section }}__{{ upper $key }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Settings of the parts that know the database. Secrets are files, never values. */ -}}
{{- define "tradewind.serverEnv" -}}
- name: TRADEWIND__CORE__EXECUTOR
  value: {{ nospace .Values.executor | quote }}
- name: TRADEWIND__DATABASE__SQL_ALCHEMY_CONN_SECRET
  value: /run/secrets/tradewind-metadata/connection
- name: TRADEWIND__DATABASE__ENCRYPTION_KEYS_SECRET
  value: /run/secrets/tradewind-keys/encryption-keys
- name: TRADEWIND__API_AUTH__JWT_PRIVATE_KEY_PATH
  value: /run/secrets/tradewind-keys/signing.pem
- name: TRADEWIND__LOGGING__BASE_LOG_FOLDER
  value: /var/log/tradewind
{{- if include "tradewind.uses" (dict "executor" "KubernetesExecutor" "root" .) }}
- name: TRADEWIND__KUBERNETES_EXECUTOR__NAMESPACE
  value: {{ include "tradewind.taskNamespace" . }}
{{- with .Values.kubernetesExecutor.multiNamespaceList }}
- name: TRADEWIND__KUBERNETES_EXECUTOR__MULTI_NAMESPACE_MODE_NAMESPACE_LIST
  value: {{ join "," . | quote }}
{{- end }}
- name: TRADEWIND__KUBERNETES_EXECUTOR__SERVER_URL
  value: {{ include "tradewind.apiUrl" . }}
- name: TRADEWIND__KUBERNETES_EXECUTOR__GROUP
  value: {{ include "tradewind.fullname" . }}
- name: TRADEWIND__KUBERNETES_EXECUTOR__WORKER_CONTAINER_REPOSITORY
  value: {{ .Values.image.repository | quote }}
- name: TRADEWIND__KUBERNETES_EXECUTOR__WORKER_CONTAINER_TAG
  value: {{ default .Chart.AppVersion .Values.image.tag | quote }}
- name: TRADEWIND__KUBERNETES_EXECUTOR__DAGS_FOLDER
  value: /dags
{{- if .Values.kubernetesExecutor.podTemplate }}
- name: TRADEWIND__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE
  value: /etc/tradewind/pod.yaml
{{- end }}
{{- with .Values.kubernetesExecutor.warmPool }}
- name: TRADEWIND__KUBERNETES_EXECUTOR__WARM_POOL_SIZE
  value: {{ .size | quote }}
- name: TRADEWIND__KUBERNETES_EXECUTOR__WARM_POOL_PORT
  value: {{ .port | quote }}
{{- end }}
{{- end }}
{{ include "tradewind.commonEnv" . }}
{{- end -}}

{{- define "tradewind.serverMounts" -}}
- {name: home, mountPath: /var/lib/tradewind}
- {name: tmp, mountPath: /tmp}
- {name: logs, mountPath: /var/log/tradewind}
- {name: metadata, mountPath: /run/secrets/tradewind-metadata, readOnly: true}
- {name: keys, mountPath: /run/secrets/tradewind-keys, readOnly: true}
{{ include "tradewind.commonMounts" . }}
{{- if .Values.kubernetesExecutor.podTemplate }}
- {name: settings, mountPath: /etc/tradewind, readOnly: true}
{{- end }}
{{- end -}}

{{- define "tradewind.commonMounts" -}}
{{- if include "tradewind.uses" (dict "executor" "CeleryExecutor" "root" .) }}
- {name: broker, mountPath: /run/secrets/tradewind-broker, readOnly: true}
{{- end }}
{{- if .Values.dags.persistence.existingClaim }}
- name: dags
  mountPath: /dags
  readOnly: true
  {{- with .Values.dags.persistence.subPath }}
  subPath: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "tradewind.commonVolumes" -}}
- {name: home, emptyDir: {}}
- {name: tmp, emptyDir: {}}
{{- if include "tradewind.uses" (dict "executor" "CeleryExecutor" "root" .) }}
- name: broker
  secret: {secretName: {{ include "tradewind.brokerSecret" . }}, defaultMode: 0440}
{{- end }}
{{- with .Values.dags.persistence.existingClaim }}
- name: dags
  persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}
{{- end }}
{{- end -}}

{{- define "tradewind.serverVolumes" -}}
{{ include "tradewind.commonVolumes" . }}
- name: metadata
  secret: {secretName: {{ include "tradewind.metadataSecret" . }}, defaultMode: 0440}
- name: keys
  secret: {secretName: {{ include "tradewind.keysSecret" . }}, defaultMode: 0440}
- name: logs
{{- if .Values.logs.persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ default (printf "%s-logs" (include "tradewind.fullname" .)) .Values.logs.persistence.existingClaim }}
{{- else }}
  emptyDir: {}
{{- end }}
{{- if .Values.kubernetesExecutor.podTemplate }}
- name: settings
  configMap: {name: {{ include "tradewind.fullname" . }}-settings}
{{- end }}
{{- end -}}

{{- /* A container of a server: (dict "root" . "name" … "command" (list …) "resources" …). */ -}}
{{- define "tradewind.server" -}}
name: {{ .name }}
image: {{ include "tradewind.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: {{ toJson .command }}
env:
  {{- include "tradewind.serverEnv" .root | nindent 2 }}
{{- with .root.Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.securityContexts.container | nindent 2 }}
resources:
  {{- toYaml .resources | nindent 2 }}
volumeMounts:
  {{- include "tradewind.serverMounts" .root | nindent 2 }}
{{- end -}}

{{- /* What the pods of all parts share: (dict "root" . "part" .Values.… ). */ -}}
{{- define "tradewind.placement" -}}
securityContext:
  {{- toYaml .root.Values.securityContexts.pod | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
