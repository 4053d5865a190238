package message

import "unicode/utf8"

// HashCode is Java's String.hashCode over UTF-16 code units: h = 31·h + unit, wrapping at 32 bits.
func HashCode(s string) int32 {
	var h int32
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return hashRunes(h, s[i:])
		}
		h = 31*h + int32(s[i])
	}
	return h
}

// hashRunes continues a hash over text beyond ASCII; runes outside the basic plane count as their two surrogates.
func hashRunes(h int32, s string) int32 {
	for _, r := range s {
		if r > 0xFFFF {
			r -= 0x10000
			h = 31*h + (0xD800 + r>>10)
			r = 0xDC00 + r&0x3FF
		}
		h = 31*h + r
	}
	return h
}

// TagsCode is the hash of a tag sign-extended, 0 for no tag. Source: MessageExtBrokerInner#tagsString2tagsCode.
func TagsCode(tag string) int64 { return int64(HashCode(tag)) }
