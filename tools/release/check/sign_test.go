package check

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSigningForWindows signs a program with a certificate of its own, as the
// release does when it is given one.
func TestSigningForWindows(t *testing.T) {
	openssl, osslsigncode := tool(t, "openssl"), tool(t, "osslsigncode")
	var unsigned string
	for _, a := range artifacts(t, "Binary") {
		if a.GOOS == "windows" {
			unsigned = a.File()
		}
	}
	if unsigned == "" {
		t.Skip("the snapshot has no program for Windows")
	}
	at := t.TempDir()
	program := filepath.Join(at, "gateway.exe")
	if err := os.WriteFile(program, read(t, unsigned), 0o755); err != nil {
		t.Fatal(err)
	}
	authority, bundle, password := certificate(t, openssl, at)

	sign := func(env ...string) {
		t.Helper()
		cmd := exec.Command("sh", root+"/tools/release/sign-windows.sh", "windows", program)
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	sign("WINDOWS_SIGN_PFX=")
	if sum(read(t, program)) != sum(read(t, unsigned)) {
		t.Error("it was changed without a key")
	}
	sign("WINDOWS_SIGN_PFX="+bundle, "WINDOWS_SIGN_PASSWORD_FILE="+password, "WINDOWS_SIGN_TIMESTAMP_URL=")
	out := run(t, osslsigncode, "verify", "-CAfile", authority, "-in", program)
	if !strings.Contains(out, "Signature verification: ok") {
		t.Errorf("the signature does not hold:\n%s", out)
	}
}

// certificate makes one for signing code: in PEM, in a PKCS #12 bundle, and
// the file of the bundle's password.
func certificate(t *testing.T, openssl, at string) (authority, bundle, password string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Nobody"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, made, made, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) string {
		path := filepath.Join(at, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	authority = write("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	secret := write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	password = write("password", []byte("only for this test"))
	bundle = filepath.Join(at, "cert.p12")
	run(t, openssl, "pkcs12", "-export", "-inkey", secret, "-in", authority, "-passout", "file:"+password, "-out", bundle)
	return authority, bundle, password
}
