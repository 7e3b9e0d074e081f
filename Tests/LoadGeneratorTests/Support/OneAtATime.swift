import Testing

/// Suites whose tests load servers as fast as they can, or judge by the clock: side by side they starve each other.
@Suite(.serialized) enum OneAtATime {}
