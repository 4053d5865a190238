package commitlog

// The data of a command entry is a batch: an envelope and count sub-records. All integers are big-endian.
//
//	envelope, 24 bytes
//	  0  u8   magic 0xB7
//	  1  u8   version 1
//	  2  u16  flags, 0
//	  4  u32  count of sub-records
//	  8  i64  groupTime, ms: the group's clock for leases (design D16)
//	 16  i64  wallTime, ms since 1970: the leader's clock when the batch was closed
//
//	sub-record, 16 + length bytes
//	  0  u32  length of the payload
//	  4  u32  CRC-32C of bytes 8 to the end
//	  8  u8   kind, see package broker/state
//	  9  u8   version of the kind
//	 10  u16  span: how many of the sub-records after it take effect only if it did
//	 12  u32  0
//	 16       payload
const (
	BatchHeaderSize     = 24
	SubRecordHeaderSize = 16

	batchMagic   = 0xB7
	batchVersion = 1
)

// Batch is a decoded envelope. Rest holds the sub-records and aliases the input.
type Batch struct {
	Count     uint32
	GroupTime int64 // ms
	WallTime  int64 // ms since 1970
	Rest      []byte
}

// SubRecord is one command within a batch. Payload aliases the input.
type SubRecord struct {
	Kind    uint8
	Version uint8
	Span    uint16
	Payload []byte
	Size    uint32 // header and payload, bytes
}
