package import Configurations
internal import Files

/// The block `data` of a configuration, which names the files that a run reads.
package struct DataConfiguration: Equatable, Sendable, Configurable {
  /// Token files to train on, with their shares.
  package var train = DataFiles()
  /// Token file to evaluate on; empty if there is none.
  package var validation = ""
  /// The tokenizer of both; it is stored in the checkpoint.
  package var tokenizer = ""
  /// What happens to the state at the end of a document, in training and in evaluations during the run.
  package var documents = DocumentBoundary.reset

  package init() {}

  package static var keys: [ConfigurationKey<DataConfiguration>] {
    [
      ConfigurationKey(
        "train", \.train,
        "Token file to train on, made by 'retnet tokenize pack'; or several, weighted as given or by size."),
      ConfigurationKey("validation", \.validation, "Token file to evaluate on; empty: none."),
      ConfigurationKey(
        "tokenizer", \.tokenizer, "The tokenizer that made the token files: a SentencePiece model or a tokenizer.json."),
      ConfigurationKey(
        "documents", \.documents,
        "At the end of a document: reset clears the state, continuous keeps it for the next document."),
    ]
  }

  /// The same files as absolute paths, so that they resolve from every working directory.
  package var withAbsolutePaths: DataConfiguration {
    var data = self
    data.train = DataFiles(train.entries.map { DataFiles.Entry(path: absolutePath($0.path), weight: $0.weight) })
    (data.validation, data.tokenizer) = (absolutePath(validation), absolutePath(tokenizer))
    return data
  }

  package var contradictions: [(key: String, message: String)] {
    var found: [(key: String, message: String)] = []
    if train.entries.isEmpty { found.append(("train", "expected a token file, found none")) }
    if train.entries.contains(where: \.path.isEmpty) { found.append(("train", "expected paths, found an empty one")) }
    if train.isPartlyWeighted { found.append(("train", "expected a weight for each file or for none, found some")) }
    if tokenizer.isEmpty { found.append(("tokenizer", "expected a tokenizer, found none")) }
    return found
  }
}
