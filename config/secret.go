package config

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// SecretBytesMin is the least length of a shared secret.
const SecretBytesMin = 16

// NewSecret makes a shared secret: 32 random bytes in hex.
func NewSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: it ends the program instead
	return hex.EncodeToString(b[:])
}

// LoadSecret returns the shared secret of the group, nil if none is configured.
func (r Raft) LoadSecret() ([]byte, error) {
	secret, err := loadSecret(r.Secret, r.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("raft secret: %w", err)
	}
	return secret, nil
}

// LoadSecret returns the secret that brokers and NameServers share, nil if none is configured.
func (n Namesrv) LoadSecret() ([]byte, error) {
	secret, err := loadSecret(n.Secret, n.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("namesrv secret: %w", err)
	}
	return secret, nil
}

// LoadToken returns the bearer token of the admin port, "" if none is configured.
func (a Admin) LoadToken() (string, error) {
	token, err := loadSecret(a.Token, a.TokenFile)
	if err != nil {
		return "", fmt.Errorf("admin token: %w", err)
	}
	return string(token), nil
}

func loadSecret(inline, file string) ([]byte, error) {
	if file == "" {
		if inline == "" {
			return nil, nil
		}
		return []byte(inline), nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	secret := strings.TrimSpace(string(b))
	if len(secret) < SecretBytesMin {
		return nil, fmt.Errorf("%s holds less than %d characters", file, SecretBytesMin)
	}
	return []byte(secret), nil
}
