package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/raftmq/raftmq/remoting/protocol/fastjson"
)

// Body is a body that can be sent. All bodies here also have a Decode, which accepts what Java, Go, Node and C++ send;
// its errors wrap fastjson.ErrSyntax or fastjson.ErrLimit.
type Body interface{ Encode() []byte }

// encode prints v as compact JSON. Keys stand in the order of v's fields, which is the alphabetical one of RocketMQ.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("BUG: body %T: %v", v, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

func decode(b []byte, v any) error { return fastjson.Unmarshal(b, v, fastjson.Limits{}) }

// orEmpty replaces nil by an empty list, so that it prints as [] and not as null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// orEmptyMap is orEmpty for tables.
func orEmptyMap[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return m
}
