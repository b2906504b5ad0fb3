package import Configurations

/// Which files a run reads.
package struct DataConfiguration: Equatable, Sendable, Configurable {
  /// Token file to train on.
  package var train = ""
  /// Token file to evaluate on; empty for none.
  package var validation = ""
  /// The SentencePiece model that made both; it goes into the checkpoint.
  package var tokenizer = ""
  /// What a document's end does to the state, in training and in the evaluations on its way.
  package var documents = DocumentBoundary.reset

  package init() {}

  package static var keys: [ConfigurationKey<DataConfiguration>] {
    [
      ConfigurationKey("train", \.train, "Token file to train on, made by 'retnet tokenize pack'."),
      ConfigurationKey("validation", \.validation, "Token file to evaluate on; empty: none."),
      ConfigurationKey("tokenizer", \.tokenizer, "The SentencePiece model that made the token files."),
      ConfigurationKey(
        "documents", \.documents,
        "At a document's end: reset, the state is forgotten, or continuous, it goes on into the next document."),
    ]
  }

  package var contradictions: [(key: String, message: String)] {
    [("train", train, "a token file"), ("tokenizer", tokenizer, "a SentencePiece model")].compactMap {
      $0.1.isEmpty ? (key: $0.0, message: "expected \($0.2), found none") : nil
    }
  }
}
