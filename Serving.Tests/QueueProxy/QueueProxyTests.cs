using NUnit.Framework;

namespace Serving.Tests.QueueProxy;

/// <summary>The sidecar as a process.</summary>
[TestFixture]
[Category("Slow")]
[Parallelizable]
public sealed class QueueProxyTests : SidecarTests
{
    private protected override Task<Sidecar> StartAsync(int userPort, params (string Name, string Value)[] variables) =>
        Task.FromResult<Sidecar>(QueueProxyProcess.Start(userPort, variables));
}
