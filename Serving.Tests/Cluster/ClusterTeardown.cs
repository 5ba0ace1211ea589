using NUnit.Framework;
using Serving.Tests.Cluster.K3s;

namespace Serving.Tests.Cluster;

/// <summary>Ends, after the last test of this namespace, what its tests shared.</summary>
[SetUpFixture]
public sealed class ClusterTeardown
{
    [OneTimeTearDown]
    public Task EndAsync() => K3sCluster.EndAsync();
}
