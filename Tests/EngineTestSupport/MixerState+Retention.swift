package import Modeling
package import Retention

extension MixerState {
  /// The state of retention in a layer of that type.
  package var retention: RetentionState {
    guard let own = self as? RetentionLayerState else { preconditionFailure("retention: not a layer of retention") }
    return own.retention
  }
}
