using NUnit.Framework;

namespace Serving.Tests.Cluster;

/// <summary>Tests that start a local cluster of their own, with its data in a directory that lasts as long as the test.</summary>
public abstract class LocalClusterFixture(string why)
{
    /// <summary>The directory of the cluster's data.</summary>
    protected string Data { get; private set; } = null!;

    [SetUp]
    public void MakeDirectory()
    {
        TestCluster.NeedsLocalCluster(why);
        Data = Directory.CreateTempSubdirectory("serving-test-").FullName;
    }

    [TearDown]
    public void DeleteDirectory()
    {
        if (Data is not null)
        {
            Directory.Delete(Data, recursive: true);
        }
    }
}
