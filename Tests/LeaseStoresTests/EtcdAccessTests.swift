import ClusterModel
import LeaseStores
import Netlink
import Testing

/// An etcd that wants to know who asks, and by TLS.
@Suite(.serialized) struct EtcdAccessTests {
  private func protect(_ server: EtcdServer) throws {
    try server.etcdctl("user", "add", "root:secret")
    try server.etcdctl("user", "grant-role", "root", "root")
    try server.etcdctl("auth", "enable")
  }

  @Test func users() async throws {
    try await EtcdServer.run { server in
      try protect(server)
      let none = try #require(await failure { _ = try await server.store().acquire(.node(1)) })
      #expect(none.description.contains("refuses: etcdserver: user name is empty"))
      var settings = server.settings
      settings.user = EtcdSettings.User(name: "root", password: "wrong")
      let wrong = try #require(await failure { _ = try await EtcdLeaseStore(settings).state() })
      #expect(wrong.description.contains("refuses: etcdserver: authentication failed"))
      settings.user = EtcdSettings.User(name: "root", password: "secret")
      let store = try EtcdLeaseStore(settings)
      let heard = Heard(try EtcdLeaseStore(settings).changes())
      defer { heard.stop() }
      var held = try await store.acquire(.node(1))
      _ = try await heard.first("the lease") { $0.state?.leases.count == 1 }
      // Tokens are the server's own, and do not outlive it.
      server.end()
      heard.forget()
      try server.start()
      _ = try await heard.first("a state") { $0.state?.leases.count == 1 }
      held = try await store.renew(held)
      try await store.release(held)
      _ = try await heard.first("its end") { $0.state?.leases == [] }
    }
  }

  @Test func certificates() async throws {
    try await EtcdServer.run(EtcdServer.Options(isSecure: true)) { server in
      let store = try server.store()
      let heard = Heard(store.changes())
      defer { heard.stop() }
      let held = try await store.acquire(.node(1))
      _ = try await heard.first("the lease") { $0.state?.leases == [held.lease] }
      // Without its authority nobody believes it.
      var settings = server.settings
      settings.tls = nil
      let error = try #require(await failure { _ = try await EtcdLeaseStore(settings).state() })
      #expect(error.description.hasPrefix("https://127.0.0.1:\(server.endpoint.port) cannot be reached: TLS: "))
      settings.tls = EtcdSettings.TLS(authorities: server.folder + "/missing.pem")
      #expect(throws: LeaseStoreError.self) { try EtcdLeaseStore(settings) }
      settings.endpoints[0].isSecure = false
      let plain = try #require(await failure { _ = try await EtcdLeaseStore(settings).state() })
      #expect(plain.description.hasPrefix("http://127.0.0.1:\(server.endpoint.port) "))
    }
  }
}
