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

var languageNames = [...]string{"JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO", "PHP",
	"OMS", "RUST", "NODE_JS"}

// String is the name used in JSON; a byte without a name reads as OTHER.
func (l Language) String() string {
	if int(l) < len(languageNames) {
		return languageNames[l]
	}
	return languageNames[Other]
}

// LanguageOf returns the language of a name in JSON; an unknown one is Other.
func LanguageOf(name string) Language {
	for i, n := range languageNames {
		if n == name {
			return Language(i)
		}
	}
	return Other
}
