/**
 * Hosts of URLs, and whether each can only be this host. The service, the program and the installers decide by these
 * whether a secret may go over http.
 */
export const loopbackCases: readonly { host: string; isLoopback: boolean }[] = [
  { host: "localhost", isLoopback: true },
  { host: "127.0.0.1", isLoopback: true },
  { host: "127.0.0.2", isLoopback: true },
  { host: "127.255.255.254", isLoopback: true },
  { host: "[::1]", isLoopback: true },
  { host: "128.0.0.1", isLoopback: false },
  { host: "12.7.0.1", isLoopback: false },
  { host: "0.0.0.0", isLoopback: false },
  { host: "10.0.0.1", isLoopback: false },
  { host: "[::]", isLoopback: false },
  { host: "[::2]", isLoopback: false },
  { host: "[::ffff:7f00:1]", isLoopback: false },
  { host: "agent.localhost", isLoopback: false },
  { host: "localhost.example.com", isLoopback: false },
  { host: "evil-localhost", isLoopback: false },
  { host: "127.0.0.1.example.com", isLoopback: false },
  { host: "127.example.com", isLoopback: false },
];
