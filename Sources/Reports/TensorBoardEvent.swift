/// One record of a TensorBoard event file.
///
/// An event is the message `Event` of TensorFlow's `event.proto`; three kinds of it are written here. A record holds
/// its bytes between their length and their checksums. `docs/decisions/0009-event-files-by-hand.md` explains why this
/// needs no library.
package struct TensorBoardEvent: Sendable {
  /// The content of an event.
  package enum Content: Sendable {
    /// The first event of every file.
    case fileVersion
    /// A process starts here: earlier events of this step and of later steps are void.
    case start
    /// Points of curves, by the names of the curves.
    case scalars([(tag: String, value: Float)])
  }

  /// Seconds since 1970.
  package let time: Double
  package let step: Int
  package let content: Content

  package init(time: Double, step: Int, _ content: Content) {
    self.time = time
    self.step = step
    self.content = content
  }

  /// The event as a record of an event file.
  ///
  /// Source: TensorFlow, tensorflow/core/lib/io/record_writer.h.
  package var record: [UInt8] {
    let message = message.bytes
    let length = littleEndian(UInt64(message.count))
    return length + littleEndian(CRC32C.masked(length)) + message + littleEndian(CRC32C.masked(message))
  }

  /// Field numbers of event.proto and summary.proto.
  private enum Field {
    // Event
    static let time: UInt64 = 1
    static let step: UInt64 = 2
    static let fileVersion: UInt64 = 3
    static let summary: UInt64 = 5
    static let sessionLog: UInt64 = 7
    // Summary, and Summary.Value
    static let value: UInt64 = 1
    static let tag: UInt64 = 1
    static let simpleValue: UInt64 = 2
    // SessionLog
    static let status: UInt64 = 1
  }

  /// `SessionLog.SessionStatus.START`.
  private static let startStatus: UInt64 = 1

  private var message: ProtobufWriter {
    var event = ProtobufWriter()
    event.write(Field.time, double: time)
    // A missing number means zero.
    if step != 0 { event.write(Field.step, varint: UInt64(bitPattern: Int64(step))) }
    switch content {
    case .fileVersion: event.write(Field.fileVersion, text: "brain.Event:2")
    case .start:
      var log = ProtobufWriter()
      log.write(Field.status, varint: Self.startStatus)
      event.write(Field.sessionLog, message: log)
    case .scalars(let points):
      var summary = ProtobufWriter()
      for point in points {
        var value = ProtobufWriter()
        value.write(Field.tag, text: point.tag)
        value.write(Field.simpleValue, float: point.value)
        summary.write(Field.value, message: value)
      }
      event.write(Field.summary, message: summary)
    }
    return event
  }
}

/// The checksum of TFRecord files: CRC-32 with Castagnoli's polynomial.
///
/// Source: RFC 3720, appendix B.4.
package enum CRC32C {
  /// The remainders of all byte values, for the polynomial 0x1EDC6F41 with its bits in reverse.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { rest, _ in rest & 1 == 0 ? rest >> 1 : rest >> 1 ^ 0x82F6_3B78 }
  }

  /// The checksum of bytes.
  package static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { rest, byte in rest >> 8 ^ table[Int(UInt8(truncatingIfNeeded: rest) ^ byte)] }
  }

  /// The checksum as TFRecord files store it: rotated and offset, because a checksum over data that contain their own
  /// checksum detects fewer errors.
  ///
  /// Source: TensorFlow, tensorflow/core/lib/hash/crc32c.h, `Mask`.
  static func masked(_ bytes: [UInt8]) -> UInt32 {
    let sum = checksum(bytes)
    return (sum >> 15 | sum << 17) &+ 0xA282_EAD8
  }
}
