package protocol

import (
	"errors"
	"slices"
	"testing"
)

func TestSignatureCoversEverything(t *testing.T) {
	key := RegistrationKey([]byte("a shared secret of tests"))
	fields := Fields{{"brokerName", "b"}, {"brokerAddr", "h:1"}, {"brokerId", "0"}}
	body := []byte("topics")
	signed := SignRegistration(key, CodeRegisterBroker, slices.Clone(fields), body, 42)
	if n, err := VerifyRegistration(key, CodeRegisterBroker, signed, body); n != 42 || err != nil {
		t.Fatal(n, err)
	}
	turned := slices.Clone(signed)
	slices.Reverse(turned)
	if _, err := VerifyRegistration(key, CodeRegisterBroker, turned, body); err != nil {
		t.Errorf("fields in another order: %v", err)
	}
	signature, _ := signed.Get(RegisterSignatureField)
	tests := []struct {
		name   string
		key    []byte
		code   int32
		fields Fields
		body   string
		want   error
	}{
		{"without", key, CodeRegisterBroker, fields, "topics", ErrUnsigned},
		{"of another version", key, CodeRegisterBroker, slices.Clone(signed).Set(RegisterSignatureField, "2"+signature[1:]), "topics", ErrUnsigned},
		{"cut short", key, CodeRegisterBroker, slices.Clone(signed).Set(RegisterSignatureField, signature[:20]), "topics", ErrSignature},
		{"another sequence", key, CodeRegisterBroker, slices.Clone(signed).Set(RegisterSignatureField, "1.43"+signature[4:]), "topics", ErrSignature},
		{"a sequence that is none", key, CodeRegisterBroker, slices.Clone(signed).Set(RegisterSignatureField, "1.x"+signature[4:]), "topics", ErrSignature},
		{"by another secret", RegistrationKey([]byte("another secret of tests")), CodeRegisterBroker, signed, "topics", ErrSignature},
		{"of another request", key, CodeUnregisterBroker, signed, "topics", ErrSignature},
		{"another body", key, CodeRegisterBroker, signed, "topic", ErrSignature},
		{"another id", key, CodeRegisterBroker, slices.Clone(signed).Set("brokerId", "1"), "topics", ErrSignature},
		{"one more field", key, CodeRegisterBroker, slices.Clone(signed).Set("haServerAddr", "h:2"), "topics", ErrSignature},
		{"one field less", key, CodeRegisterBroker, signed[1:], "topics", ErrSignature},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if n, err := VerifyRegistration(tt.key, tt.code, tt.fields, []byte(tt.body)); !errors.Is(err, tt.want) || n != 0 {
				t.Errorf("got %d, %v", n, err)
			}
		})
	}
}
