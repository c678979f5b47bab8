{{- define "gateway.pod" -}}
metadata:
  labels:
    {{- include "gateway.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/config: {{ toYaml .Values.config | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "gateway.serviceAccount" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  # The last twenty seconds are for calls that are cut to tell their clients, and for answers and
  # records on their way to the database.
  terminationGracePeriodSeconds: {{ add .Values.shutdown.delay .Values.shutdown.grace 20 }}
  containers:
    - name: gateway
      image: {{ include "gateway.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      ports:
        - name: http
          containerPort: 8081
      env:
        - name: TOKLIGENCE_MODE
          value: {{ .Values.mode }}
        - name: TOKLIGENCE_CONFIG
          value: /config/config.yaml
        - name: TOKLIGENCE_SHUTDOWN_DELAY
          value: {{ printf "%ds" (int .Values.shutdown.delay) }}
        - name: TOKLIGENCE_SHUTDOWN_GRACE
          value: {{ printf "%ds" (int .Values.shutdown.grace) }}
        {{- if .Values.database.existingSecret }}
        - name: TOKLIGENCE_DATABASE_URL_FILE
          value: {{ printf "/run/secrets/database/%s" .Values.database.key }}
        {{- end }}
        {{- if .Values.apiKey.existingSecret }}
        - name: TOKLIGENCE_API_KEY_FILE
          value: {{ printf "/run/secrets/api-key/%s" .Values.apiKey.key }}
        {{- end }}
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.providers.existingSecret }}
      envFrom:
        - secretRef:
            name: {{ . }}
      {{- end }}
      startupProbe:
        httpGet: {path: /livez, port: http}
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /livez, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 5
        timeoutSeconds: 3
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - {name: data, mountPath: /data}
        - {name: config, mountPath: /config, readOnly: true}
        {{- if .Values.database.existingSecret }}
        - {name: database, mountPath: /run/secrets/database, readOnly: true}
        {{- end }}
        {{- if .Values.apiKey.existingSecret }}
        - {name: api-key, mountPath: /run/secrets/api-key, readOnly: true}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "gateway.name" . }}
    {{- with .Values.database.existingSecret }}
    - name: data
      emptyDir: {}
    - name: database
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    {{- with .Values.apiKey.existingSecret }}
    - name: api-key
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
