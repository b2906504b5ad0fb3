import Foundation
import Testing

/// The events of a TensorBoard event file, read by other means than those that wrote them.
struct EventRecords {
  struct Event {
    var step = 0
    var isVersion = false
    var isStart = false
    /// Values by tag.
    var scalars: [String: Float] = [:]
  }

  let events: [Event]

  /// Reads a file to its last byte.
  init(_ bytes: Data) throws {
    var (rest, events) = (Array(bytes)[...], [Event]())
    while !rest.isEmpty {
      let length = Self.number(rest.prefix(8))
      try #require(rest.count >= length + 16)
      events.append(try Self.event(rest.dropFirst(12).prefix(length)))
      rest = rest.dropFirst(length + 16)
    }
    self.events = events
  }

  /// What TensorBoard shows of a folder: a start event makes it forget its own step and those that follow.
  static func shown(_ files: [EventRecords]) -> [String: [(step: Int, value: Float)]] {
    var curves: [String: [(step: Int, value: Float)]] = [:]
    for event in files.flatMap(\.events) {
      if event.isStart { curves = curves.mapValues { $0.filter { $0.step < event.step } } }
      for (tag, value) in event.scalars { curves[tag, default: []].append((event.step, value)) }
    }
    return curves
  }

  private static func event(_ bytes: ArraySlice<UInt8>) throws -> Event {
    var event = Event()
    for (field, value) in try fields(bytes) {
      switch field {
      case 2: event.step = number(value)
      case 3: event.isVersion = value.elementsEqual("brain.Event:2".utf8)
      case 5:
        for (_, scalar) in try fields(value) {
          let parts = try Dictionary(uniqueKeysWithValues: fields(scalar))
          let bits = UInt32(number(try #require(parts[2])))
          event.scalars[String(decoding: try #require(parts[1]), as: UTF8.self)] = Float(bitPattern: bits)
        }
      case 7: event.isStart = try fields(value).contains { $0 == 1 && Array($1) == [1] }
      default: break
      }
    }
    return event
  }

  /// The fields of a message with their bytes, integers as eight of them.
  private static func fields(_ bytes: ArraySlice<UInt8>) throws -> [(Int, ArraySlice<UInt8>)] {
    var (rest, fields) = (bytes, [(Int, ArraySlice<UInt8>)]())
    func varint() throws -> Int {
      let count = try #require(rest.firstIndex { $0 < 0x80 }) - rest.startIndex + 1
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count).reversed().reduce(0) { $0 << 7 | Int($1 & 0x7F) }
    }
    while !rest.isEmpty {
      let key = try varint()
      let length: Int
      switch key & 7 {
      case 0:
        let value = try varint()
        fields.append((key >> 3, value < 256 ? [UInt8(value)] : (0..<8).map { UInt8(value >> ($0 * 8) & 255) }[...]))
        continue
      case 1: length = 8
      case 5: length = 4
      default: length = try varint()
      }
      try #require(rest.count >= length)
      fields.append((key >> 3, rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    return fields
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reversed().reduce(0) { $0 << 8 | Int($1) } }
}
