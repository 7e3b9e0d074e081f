import Testing

@testable import Netlink

@Suite struct AddressTests {
  @Test(arguments: ["192.0.2.1", "0.0.0.0", "2001:db8::1", "::", "fe80::1"])
  func textIsReadAndWrittenBack(_ text: String) throws {
    let address = try #require(IPAddress(text))
    #expect(address.description == text)
    #expect(IPAddress(bytes: address.bytes) == address)
  }

  @Test(arguments: ["", "192.0.2", "192.0.2.256", "1.2.3.4/24", "fe80::1%eth0", "[::1]", " 1.2.3.4"])
  func whatIsNoAddressIsRefused(_ text: String) { #expect(IPAddress(text) == nil) }

  @Test func prefixesKnowTheirNetwork() throws {
    #expect(try #require(IPPrefix("10.1.2.3/20")).network.description == "10.1.0.0/20")
    #expect(try #require(IPPrefix("2001:db8:ffff::1/33")).network.description == "2001:db8:8000::/33")
    #expect(try #require(IPPrefix("10.1.2.3")).length == 32)
    #expect(try #require(IPPrefix("10.1.2.3/0")).network.address.description == "0.0.0.0")
  }

  @Test(arguments: ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/٨", "/8"])
  func badPrefixesAreRefused(_ text: String) { #expect(IPPrefix(text) == nil) }

  @Test func macAddresses() throws {
    let mac = try #require(MACAddress("02:00:5E:00:53:0a"))
    #expect(mac.description == "02:00:5e:00:53:0a")
    #expect(MACAddress(bytes: mac.bytes) == mac)
    for text in [
      "", "02:00:5e:00:53", "02:00:5e:00:53:0a:01", "2:0:5e:0:53:a", "02-00-5e-00-53-0a", "02:00:5e:00:53:+a",
    ] {
      #expect(MACAddress(text) == nil, "\(text)")
    }
  }

  @Test func kinds() throws {
    #expect(try #require(IPAddress("fe80::1")).isLinkLocal)
    #expect(try !#require(IPAddress("fec0::1")).isLinkLocal)
    #expect(try #require(IPAddress("::1")).isLoopback)
    #expect(try #require(IPAddress("127.9.9.9")).isLoopback)
    #expect(try !#require(IPAddress("::2")).isLoopback)
  }
}
