package import Configurations

/// A value of another program's `config.json`, which may have parts.
package indirect enum ForeignSetting: Encodable, Equatable, Sendable {
  case value(ConfigurationValue)
  case integers([Int])
  case object([String: ForeignSetting])

  package static func integer(_ integer: Int) -> ForeignSetting { .value(.integer(integer)) }
  package static func number(_ number: Double) -> ForeignSetting { .value(.number(number)) }
  package static func boolean(_ boolean: Bool) -> ForeignSetting { .value(.boolean(boolean)) }
  package static func text(_ text: String) -> ForeignSetting { .value(.text(text)) }
  package static func list(_ texts: [String]) -> ForeignSetting { .value(.list(texts)) }
  package static var null: ForeignSetting { .value(.null) }

  package func encode(to encoder: any Encoder) throws {
    switch self {
    case .value(let value): try value.encode(to: encoder)
    case .integers(let integers): try integers.encode(to: encoder)
    case .object(let object): try object.encode(to: encoder)
    }
  }
}
