using NUnit.Framework;

namespace Serving.Tests.QueueProxy;

/// <summary>The TLS port of the sidecar as a process.</summary>
[TestFixture]
public sealed class QueueProxyTlsTests : TlsPortTests
{
    private protected override Task<Sidecar> StartAsync(
        int userPort,
        string certificates,
        params (string Name, string Value)[] variables
    ) => Task.FromResult<Sidecar>(QueueProxyProcess.Start(userPort, [("CERTIFICATE_DIRECTORY", certificates), .. variables]));
}
