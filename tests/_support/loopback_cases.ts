/**
 * Hosts of URLs, and whether each can only be this host. The service, the program and the installers decide by these
 * whether a secret may go over http.
 */
export const loopbackCases: readonly [host: string, isLoopback: boolean][] = [
  ["127.0.0.1", true],
  ["127.0.0.2", true],
  ["127.255.255.254", true],
  ["localhost", true],
  ["agents.localhost", true],
  ["a.b.localhost", true],
  ["[::1]", true],
  ["128.0.0.1", false],
  ["12.7.0.1", false],
  ["0.0.0.0", false],
  ["10.0.0.1", false],
  ["[::]", false],
  ["[::2]", false],
  ["[::ffff:7f00:1]", false],
  ["localhost.example", false],
  ["127.0.0.1.example", false],
  ["notlocalhost", false],
  ["evil-localhost", false],
  ["xlocalhost.example", false],
  ["fleet.example", false],
];
