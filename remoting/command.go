package remoting

import "github.com/raftmq/raftmq/remoting/protocol"

// SerializeType is the top byte of the second word of a frame.
type SerializeType uint8

const (
	JSON     SerializeType = 0
	RocketMQ SerializeType = 1
)

// Flag bits of a command.
const (
	FlagResponse int32 = 1 << 0
	FlagOneway   int32 = 1 << 1
)

// Command is one decoded frame. Code is 32 bits although the binary header stores 16.
type Command struct {
	Code      int32
	Language  protocol.Language
	Version   int32
	Opaque    int32
	Flag      int32
	Remark    string
	Ext       protocol.Fields
	Body      []byte
	Serialize SerializeType
}

func (c *Command) IsResponse() bool { return c.Flag&FlagResponse != 0 }
func (c *Command) IsOneway() bool   { return c.Flag&FlagOneway != 0 }
