/// The paths of the API.
enum Endpoint {
  enum Action: String { case save, load, undo, fork }

  case page
  case health, metrics, props
  case models
  case model(String)
  case completions, chat
  case tokenize, detokenize, tokenizerInfo
  case states
  case state(String)
  case stateAction(String, Action)

  /// - Parameter path: The parts of a path; nil: there is nothing at it.
  init?(_ path: [String]) {
    let isVersioned = path.first == "v1"
    let rest = isVersioned ? Array(path.dropFirst()) : path
    switch (rest.first ?? "", rest.count) {
    case ("", 1) where !isVersioned: self = .page
    case ("health", 1): self = .health
    case ("metrics", 1) where !isVersioned: self = .metrics
    case ("props", 1): self = .props
    case ("tokenize", 1): self = .tokenize
    case ("detokenize", 1): self = .detokenize
    case ("tokenizer_info", 1): self = .tokenizerInfo
    case ("models", 1): self = .models
    case ("models", 2...): self = .model(rest.dropFirst().joined(separator: "/"))
    case ("completions", 1) where isVersioned: self = .completions
    case ("chat", 2) where isVersioned && rest[1] == "completions": self = .chat
    case ("states", 1) where isVersioned: self = .states
    case ("states", 2) where isVersioned: self = .state(rest[1])
    case ("states", 3) where isVersioned:
      guard let action = Action(rawValue: rest[2]) else { return nil }
      self = .stateAction(rest[1], action)
    default: return nil
    }
  }

  /// The path in metrics, without names.
  var name: String {
    switch self {
    case .page: "/"
    case .health: "/health"
    case .metrics: "/metrics"
    case .props: "/props"
    case .models, .model: "/v1/models"
    case .completions: "/v1/completions"
    case .chat: "/v1/chat/completions"
    case .tokenize: "/tokenize"
    case .detokenize: "/detokenize"
    case .tokenizerInfo: "/tokenizer_info"
    case .states, .state, .stateAction: "/v1/states"
    }
  }

  var methods: [String] {
    switch self {
    case .page, .health, .metrics, .props, .models, .model, .tokenizerInfo, .states: ["GET"]
    case .completions, .chat, .tokenize, .detokenize, .stateAction: ["POST"]
    case .state: ["GET", "PUT", "DELETE"]
    }
  }

  /// Whether no key is needed.
  var isOpen: Bool {
    switch self {
    case .page, .health: true
    default: false
    }
  }
}
