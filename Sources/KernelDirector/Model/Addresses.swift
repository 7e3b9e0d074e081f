// Addresses belong to Netlink, the lowest module that speaks of them; whoever imports KernelDirector gets them too.
@_exported import struct Netlink.Endpoint
@_exported import struct Netlink.IPAddress
@_exported import struct Netlink.IPPrefix
@_exported import struct Netlink.MACAddress
