package broker

import (
	"strings"

	"github.com/raftmq/raftmq/remoting/message"
)

// tagsCode is the hash of the message's tag, 0 without one.
func tagsCode(properties string) int64 {
	tag, _ := message.Property(properties, message.PropertyTags)
	return message.TagsCode(tag)
}

// keyHashesMax bounds the indexed keys of one message; KEYS may hold thousands of words.
const keyHashesMax = 64

// appendKeyHashes appends the key-index hashes of a message: of its unique key and of each word of KEYS (messages.md section 13).
func appendKeyHashes(dst []uint32, topic, properties string) []uint32 {
	unique, _ := message.Property(properties, message.PropertyUniqueKey)
	keys, _ := message.Property(properties, message.PropertyKeys)
	return appendHashes(dst, topic, unique, keys)
}

func appendHashes(dst []uint32, topic, unique, keys string) []uint32 {
	if unique != "" {
		dst = append(dst, keyHash(topic, unique))
	}
	for keys != "" && len(dst) < keyHashesMax {
		var word string
		word, keys, _ = strings.Cut(keys, " ")
		if word != "" {
			dst = append(dst, keyHash(topic, word))
		}
	}
	return dst
}

// keyHash is |String.hashCode(topic#key)| of RocketMQ's IndexFile, with 0 for the one value that has no absolute. The hash of a
// concatenation follows from those of its parts, so nothing is joined.
func keyHash(topic, key string) uint32 {
	h := message.HashCode(topic)*31 + '#'
	for i := range key {
		if key[i] >= 0x80 {
			h = message.HashCode(topic + "#" + key)
			return absolute(h)
		}
		h = h*31 + int32(key[i])
	}
	return absolute(h)
}

func absolute(h int32) uint32 {
	switch {
	case h == -1<<31:
		return 0
	case h < 0:
		return uint32(-h)
	default:
		return uint32(h)
	}
}
