package check_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

const chartFolder = root + "/docker/helm/tokligence-gateway"

// Values of installations.
const (
	onSQLite = `{}`

	onPostgreSQL = `
database: {existingSecret: db}
replicas: 3
providers: {existingSecret: keys}
config:
  routes: ["claude*=>loopback"]
  limits: {body_bytes: 20MiB}
podDisruptionBudget: {enabled: true}
`
	everything = `
mode: personal
image: {repository: registry.example/gateway, tag: "9.9.9", pullPolicy: Always}
imagePullSecrets: [{name: pull}]
database: {existingSecret: db, key: address}
apiKey: {existingSecret: key}
providers: {existingSecret: keys}
env: [{name: TOKLIGENCE_LOG_STDERR, value: json}]
service: {type: LoadBalancer, port: 80, annotations: {a: b}}
ingress: {enabled: true, className: nginx, host: llm.example.com, tlsSecret: tls, annotations: {c: d}}
networkPolicy:
  enabled: true
  from: [{namespaceSelector: {matchLabels: {team: ai}}}]
  egress: [{ports: [{port: 443}]}]
podDisruptionBudget: {enabled: true, maxUnavailable: 50%}
serviceAccount: {name: mine}
podAnnotations: {e: f}
podLabels: {g: h}
nodeSelector: {i: j}
tolerations: [{key: k, operator: Exists}]
affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]
`
)

// release is a rendered chart, by kind. There is at most one of each.
type release map[string]any

// render does what helm install would, and refuses fields that Kubernetes
// does not know.
func render(values string) (release, error) {
	chart, err := loader.Load(chartFolder)
	if err != nil {
		return nil, err
	}
	var given map[string]any
	if err := yaml.Unmarshal([]byte(values), &given); err != nil {
		return nil, err
	}
	all, err := util.ToRenderValues(chart, given, common.ReleaseOptions{Name: "prod", Namespace: "llm", IsInstall: true}, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return nil, err
	}
	out := release{"notes": files["tokligence-gateway/templates/NOTES.txt"]}
	for name, text := range files {
		if !strings.HasSuffix(name, ".yaml") || strings.TrimSpace(text) == "" {
			continue
		}
		var head struct{ Kind string }
		if err := yaml.Unmarshal([]byte(text), &head); err != nil {
			return nil, err
		}
		object := objectOf(head.Kind)
		if err := yaml.UnmarshalStrict([]byte(text), object); err != nil {
			return nil, err
		}
		out[head.Kind] = object
	}
	return out, nil
}

func objectOf(kind string) any {
	switch kind {
	case "Deployment":
		return &appsv1.Deployment{}
	case "StatefulSet":
		return &appsv1.StatefulSet{}
	case "Service":
		return &corev1.Service{}
	case "ConfigMap":
		return &corev1.ConfigMap{}
	case "ServiceAccount":
		return &corev1.ServiceAccount{}
	case "Ingress":
		return &networkingv1.Ingress{}
	case "NetworkPolicy":
		return &networkingv1.NetworkPolicy{}
	case "PodDisruptionBudget":
		return &policyv1.PodDisruptionBudget{}
	}
	return nil
}

func TestChartIsWellFormed(t *testing.T) {
	for _, values := range []string{onSQLite, onPostgreSQL, everything} {
		var given map[string]any
		if err := yaml.Unmarshal([]byte(values), &given); err != nil {
			t.Fatal(err)
		}
		for _, m := range lint.RunAll(filepath.Clean(chartFolder), given, "llm").Messages {
			if m.Severity > support.InfoSev {
				t.Errorf("%v", m)
			}
		}
	}
}

func TestWhatIsInstalled(t *testing.T) {
	always := []string{"ConfigMap", "Service", "notes"}
	for _, test := range []struct {
		name, values string
		also         []string
	}{
		{"SQLite", onSQLite, []string{"ServiceAccount", "StatefulSet"}},
		{"PostgreSQL", onPostgreSQL, []string{"Deployment", "PodDisruptionBudget", "ServiceAccount"}},
		{"everything", everything, []string{"Deployment", "Ingress", "NetworkPolicy", "PodDisruptionBudget"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := render(test.values)
			if err != nil {
				t.Fatal(err)
			}
			want := slices.Sorted(slices.Values(append(test.also, always...)))
			if got := slices.Sorted(maps.Keys(r)); !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
			fits(t, r)
		})
	}
}

// pod returns the template and the selector of a release.
func (r release) pod() (*corev1.PodTemplateSpec, map[string]string) {
	if d, ok := r["Deployment"].(*appsv1.Deployment); ok {
		return &d.Spec.Template, d.Spec.Selector.MatchLabels
	}
	s := r["StatefulSet"].(*appsv1.StatefulSet)
	return &s.Spec.Template, s.Spec.Selector.MatchLabels
}

// fits holds the parts of a release against each other and against the image.
func fits(t *testing.T, r release) {
	t.Helper()
	pod, selector := r.pod()
	service := r["Service"].(*corev1.Service)
	for _, chosen := range []map[string]string{selector, service.Spec.Selector} {
		for k, v := range chosen {
			if pod.Labels[k] != v {
				t.Errorf("%s=%s does not choose the pod: %v", k, v, pod.Labels)
			}
		}
	}
	c := pod.Spec.Containers[0]
	if p := c.Ports[0]; service.Spec.Ports[0].TargetPort.StrVal != p.Name || p.ContainerPort != 8081 {
		t.Errorf("%+v leads to %+v", service.Spec.Ports, c.Ports)
	}
	s, all := c.SecurityContext, pod.Spec.SecurityContext
	if *all.RunAsUser != 65532 || *all.FSGroup != 65532 || !*all.RunAsNonRoot || !*s.ReadOnlyRootFilesystem ||
		*s.AllowPrivilegeEscalation || s.Capabilities.Drop[0] != "ALL" || *pod.Spec.AutomountServiceAccountToken {
		t.Errorf("the pod may do too much: %+v %+v", all, s)
	}
	volumes := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		volumes[v.Name] = true
	}
	if s, ok := r["StatefulSet"].(*appsv1.StatefulSet); ok {
		volumes[s.Spec.VolumeClaimTemplates[0].Name] = true
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("nothing is mounted at %s", m.MountPath)
		}
		delete(volumes, m.Name)
	}
	if len(volumes) > 0 {
		t.Errorf("volumes without use: %v", volumes)
	}
	takes(t, r, &c)
}

// takes runs the program's own check of settings.
func takes(t *testing.T, r release, c *corev1.Container) {
	t.Helper()
	env, secrets := make(map[string]string), make(map[string]string)
	for _, v := range c.Env {
		env[v.Name] = v.Value
		for _, m := range c.VolumeMounts {
			if strings.HasPrefix(v.Value, m.MountPath+"/") && strings.HasSuffix(v.Name, "_FILE") {
				secrets[v.Value] = "postgres://me:a-long-enough-secret@db/name"
			}
		}
	}
	if mode := env["TOKLIGENCE_MODE"]; mode != "team" && env["TOKLIGENCE_API_KEY_FILE"] == "" {
		t.Errorf("mode %s without a key", mode)
	}
	understands(t, env, r["ConfigMap"].(*corev1.ConfigMap).Data["config.yaml"], secrets)
}

func TestImageOfTheChart(t *testing.T) {
	for values, want := range map[string]string{
		onSQLite: "tokligence/gateway:" + version(t) + "-team",
		"mode: personal\napiKey: {existingSecret: k}": "tokligence/gateway:" + version(t),
		everything: "registry.example/gateway:9.9.9",
	} {
		r, err := render(values)
		if err != nil {
			t.Fatal(err)
		}
		if pod, _ := r.pod(); pod.Spec.Containers[0].Image != want {
			t.Errorf("%s, want %s", pod.Spec.Containers[0].Image, want)
		}
	}
}

func TestValuesThatCannotWork(t *testing.T) {
	for values, says := range map[string]string{
		"mode: personal":                   "apiKey.existingSecret",
		"replicas: 2":                      "database.existingSecret",
		"mode: solo":                       "mode",
		"databse: {existingSecret: x}":     "databse",
		"shutdown: {grace: forever}":       "grace",
		"service: {port: 99999}":           "port",
		"networkPolicy: {enabled: \"no\"}": "enabled",
	} {
		if _, err := render(values); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want it to speak of %s", values, err, says)
		}
	}
}

// TestNobodyIsCutShort: the pod may live as long as its calls may go on, and have
// what they leave written.
func TestNobodyIsCutShort(t *testing.T) {
	r, err := render("shutdown: {delay: 7, grace: 60}")
	if err != nil {
		t.Fatal(err)
	}
	if pod, _ := r.pod(); *pod.Spec.TerminationGracePeriodSeconds != 87 {
		t.Errorf("%d seconds", *pod.Spec.TerminationGracePeriodSeconds)
	}
}

// TestNotesOfTheChart: they name what there is.
func TestNotesOfTheChart(t *testing.T) {
	for values, want := range map[string]string{
		onSQLite: "exec statefulset/prod-tokligence-gateway -- gateway", onPostgreSQL: "exec deployment/prod-tokligence-gateway -- gateway",
	} {
		r, err := render(values)
		if err != nil {
			t.Fatal(err)
		}
		if notes := r["notes"].(string); !strings.Contains(notes, want) || !strings.Contains(notes, "administrator") {
			t.Error(notes)
		}
	}
}
