import Configurations
import Modeling
import Retention
import Testing

@Suite struct ModelConfigurationTests {
  @Test func zerosStandForOtherKeys() {
    let defaults = ModelConfiguration().resolved
    #expect((defaults.keyWidth, defaults.valueWidth, defaults.feedForwardWidth) == (256, 512, 512))
    var configuration = ModelConfiguration()
    configuration.width = 2048
    #expect(configuration.resolved.feedForwardWidth == 2816)
    configuration.width = 64
    #expect(configuration.resolved.feedForwardWidth == 256)
    configuration.keyWidth = 32
    configuration.valueWidth = 48
    configuration.feedForwardWidth = 100
    configuration.keyHeads = 8
    #expect(configuration.resolved == configuration)
  }

  @Test func defaultsContradictNothing() {
    #expect(ModelConfiguration().contradictions.isEmpty)
  }

  @Test func contradictionsNameTheKey() {
    func keys(_ change: (inout ModelConfiguration) -> Void) -> [String] {
      var configuration = ModelConfiguration()
      configuration.vocabularySize = 100
      change(&configuration)
      return configuration.contradictions.map(\.key)
    }
    // Eight heads: 24 gives each an odd number of keys, 20 does not divide.
    #expect(keys { $0.keyWidth = 24 } == ["key_width"])
    #expect(keys { $0.keyWidth = 20 } == ["key_width"])
    #expect(keys { $0.valueWidth = 20 } == ["value_width"])
    #expect(keys { ($0.width, $0.valueWidth) = (260, 512) } == ["key_width"])
    #expect(keys { ($0.bosID, $0.eosID) = (100, 101) } == ["bos_id", "eos_id"])
    #expect(keys { ($0.bosID, $0.eosID) = (98, 99) } == [])
    #expect(keys { $0.logitSoftcap = 0.009 } == ["logit_softcap"])
    #expect(keys { $0.logitSoftcap = 0.01 } == [])
  }

  @Test func everyKeyHasItsOwnName() {
    let names = ModelConfiguration.keys.map(\.name)
    #expect(Set(names).count == names.count)
  }

  @Test func retentionGetsWidthsPerHead() {
    let shape = ModelConfiguration().resolved.retentionShape(batch: 2, time: 5)
    #expect((shape.batch, shape.time, shape.heads, shape.keyHeads) == (2, 5, 8, 8))
    #expect((shape.keyWidth, shape.valueWidth) == (32, 64))
  }
}
