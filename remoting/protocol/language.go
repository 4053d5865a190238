package protocol

// Language is RocketMQ's LanguageCode: the byte of the binary header; its name is in JSON.
type Language uint8

const (
	Java Language = iota
	CPP
	DotNet
	Python
	Delphi
	Erlang
	Ruby
	Other
	HTTP
	Go
	PHP
	OMS
	Rust
	NodeJS
)

// Version is the ordinal that we announce: V5_3_3 (MQVersion).
const Version int32 = 479
