/// Kinds of files that hold weights, or stand for them, but are not read.
package enum UnreadableContainer: String, Equatable, Sendable {
  case legacyPickle = "the format of PyTorch before 1.6 (pickles one after another)"
  case tar = "a tar archive, as PyTorch before 0.1.12 wrote"
  case torchScript = "a TorchScript archive, which holds a program"
  case gguf = "a GGUF file"
  case pointer = "a Git LFS pointer, which stands for a file that was not downloaded"

  /// What to do next.
  package var hint: String {
    switch self {
    case .legacyPickle, .tar:
      "load it with a current PyTorch and save it again: torch.save(torch.load('old.pt'), 'model.pt')"
    case .torchScript:
      "save the weights alone: torch.save(torch.jit.load('script.pt').state_dict(), 'model.pt')"
    case .gguf:
      "take the safetensors or PyTorch file that it was made from"
    case .pointer:
      "download the file itself, for example with git lfs pull"
    }
  }
}
