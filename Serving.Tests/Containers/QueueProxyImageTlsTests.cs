using NUnit.Framework;
using Serving.Tests.QueueProxy;

namespace Serving.Tests.Containers;

/// <summary>The TLS port of the sidecar of the image.</summary>
[TestFixture]
[Category("Slow")]
[Parallelizable]
public sealed class QueueProxyImageTlsTests : TlsPortTests
{
    private protected override async Task<Sidecar> StartAsync(
        int userPort,
        string certificates,
        params (string Name, string Value)[] variables
    ) => await QueueProxyContainer.StartAsync(userPort, [certificates], [("CERTIFICATE_DIRECTORY", certificates), .. variables]);
}
