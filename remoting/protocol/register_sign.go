package protocol

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
)

// A broker of ours that shares a secret with its NameServers signs what it sends them, so that no other host can take its place in the
// routes (R-S1). The signature is a field of its own, which a NameServer of another make ignores:
//
//	raftmqSignature = "1." sequence "." HMAC-SHA256 in hex
//
// The sequence, decimal, grows with every request of a process and from one process to the next, so that a recorded request is worth
// nothing later. The code covers, each length as a u32 in front: the request code, the sequence, every other field by key, the body.
const RegisterSignatureField = "raftmqSignature"

const signatureVersion = "1"

// Errors of VerifyRegistration.
var (
	// ErrUnsigned: the request has no signature, or one of an unknown version.
	ErrUnsigned = errors.New("the registration is not signed")
	// ErrSignature: the signature is not that of the secret, or something was changed.
	ErrSignature = errors.New("the signature of the registration is wrong")
)

// RegistrationKey derives the key of signatures from a shared secret.
func RegistrationKey(secret []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("raftmq registration"))
	return m.Sum(nil)
}

// SignRegistration returns fields with the signature field of a request of that code, fields and body. The key is RegistrationKey's.
func SignRegistration(key []byte, code int32, fields Fields, body []byte, sequence uint64) Fields {
	sum := registrationSum(key, code, fields, body, sequence)
	return fields.Set(RegisterSignatureField, signatureVersion+"."+strconv.FormatUint(sequence, 10)+"."+hex.EncodeToString(sum))
}

// VerifyRegistration checks the signature field and returns its sequence, which the caller compares with the last one it has seen.
func VerifyRegistration(key []byte, code int32, fields Fields, body []byte) (sequence uint64, err error) {
	text, _ := fields.Get(RegisterSignatureField)
	version, rest, _ := strings.Cut(text, ".")
	number, sum, ok := strings.Cut(rest, ".")
	if !ok || version != signatureVersion {
		return 0, ErrUnsigned
	}
	sequence, err = strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: sequence %.32q", ErrSignature, number)
	}
	got, err := hex.DecodeString(sum)
	if err != nil || !hmac.Equal(got, registrationSum(key, code, fields, body, sequence)) {
		return 0, ErrSignature
	}
	return sequence, nil
}

func registrationSum(key []byte, code int32, fields Fields, body []byte, sequence uint64) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(binary.BigEndian.AppendUint32(nil, uint32(code)))
	m.Write(binary.BigEndian.AppendUint64(nil, sequence))
	signed := slices.DeleteFunc(slices.Clone(fields), func(f Field) bool { return f.Key == RegisterSignatureField })
	slices.SortStableFunc(signed, func(a, b Field) int { return cmp.Compare(a.Key, b.Key) })
	m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(signed))))
	for _, f := range signed {
		writeSized(m, []byte(f.Key))
		writeSized(m, []byte(f.Value))
	}
	writeSized(m, body)
	return m.Sum(nil)
}

func writeSized(m hash.Hash, b []byte) {
	m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
	m.Write(b)
}
