// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target: unsafe code is spelled out, imports say what they reach, existentials are visible.
let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("ExistentialAny"),
]

/// A Swift library target under `Sources`.
func library(_ name: String, _ dependencies: Target.Dependency...) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// A test target under `Tests`; every one may use the Float64 reference.
func tests(_ subject: String, _ dependencies: Target.Dependency...) -> Target {
  .testTarget(name: "\(subject)Tests", dependencies: dependencies + [.target(name: "TestSupport")], swiftSettings: settings)
}

let package = Package(
  name: "retnet",
  // PRODUCTS
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
  ],
  targets: [
    .systemLibrary(name: "COpenBLAS"),
    .systemLibrary(name: "COpenSSL"),
    .target(name: "CKernels"),
    library("Files", "COpenSSL"),
    library("Tensors", "COpenBLAS", "CKernels"),
    library("Checkpoints", "Files"),
    library("Retention", "Tensors"),
    library("Configurations"),
    library("Modeling", "Configurations", "Retention", "Tensors"),
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
    tests("TestSupport"),
    tests("Files", "Files"),
    tests("Checkpoints", "Checkpoints", "Files"),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c17,
  cxxLanguageStandard: .cxx17
)
