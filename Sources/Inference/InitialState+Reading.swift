package import Modeling
package import Tensors

extension InitialState {
  /// Progress with nothing read, for a generator or a state file.
  package func readingProgress(_ configuration: ModelConfiguration, on pool: WorkerPool) -> ReadingProgress {
    ReadingProgress(
      vocabularySize: configuration.vocabularySize, chunkLength: PromptChunkLength.length(configuration)
    ) { makeState(configuration, on: pool) }
  }
}
