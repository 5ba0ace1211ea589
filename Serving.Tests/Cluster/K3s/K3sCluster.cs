using Docker.DotNet;
using DotNet.Testcontainers.Containers;
using DotNet.Testcontainers.Images;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Tests.Deploy;
using Serving.Tests.Support;
using Testcontainers.K3s;

namespace Serving.Tests.Cluster.K3s;

/// <summary>
/// A K3s node in a container with Serving installed from our images, one for the whole run (<c>SERVING_TEST_CLUSTER=k3s</c>). The tests see
/// it as a named cluster. Needs an engine that runs privileged containers, the archives of our images in <c>artifacts/images</c>, and K3s'
/// image.
/// </summary>
internal sealed class K3sCluster : IAsyncDisposable
{
    private const string ImageVariable = "SERVING_TEST_K3S_IMAGE";
    private const string DefaultImage = "rancher/k3s:v1.34.1-k3s1";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private static readonly Lazy<Task<K3sCluster>> Shared = new(StartAsync);
    private readonly K3sContainer _container;
    private readonly string _directory = Directory.CreateTempSubdirectory("serving-k3s-").FullName;

    private K3sCluster(K3sContainer container) => _container = container;

    private string Kubeconfig => Path.Combine(_directory, "kubeconfig");

    private Uri Gateway => new($"http://{_container.Hostname}:{_container.GetMappedPublicPort(K3sInstall.GatewayNodePort)}");

    /// <summary>The cluster of this run as the tests use it; started by the first who asks.</summary>
    public static async Task<NamedCluster> OpenAsync() => (await Shared.Value).Open();

    /// <summary>Ends the cluster when there is one.</summary>
    public static async Task EndAsync()
    {
        if (Shared is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
        {
            await (await Shared.Value).DisposeAsync();
        }
    }

    /// <summary>Starts a K3s node. Throws, saying what to do, when its image is not to be had.</summary>
    public static async Task<K3sContainer> StartNodeAsync(string image)
    {
        var container = new K3sBuilder(image)
            .WithImagePullPolicy(PullPolicy.Missing)
            .WithLogger(NullLogger.Instance)
            .WithCommand("--disable=servicelb,metrics-server")
            .WithPortBinding(K3sInstall.GatewayNodePort, assignRandomHostPort: true)
            .Build();
        try
        {
            await container.StartAsync();
            return container;
        }
        catch (DockerApiException failure)
        {
            await container.DisposeAsync();
            throw new InvalidOperationException(
                $"SERVING_TEST_CLUSTER=k3s: the engine cannot run {image} ({failure.Message.Trim()}): pull it, or name an image of K3s that the engine has in {ImageVariable}.",
                failure
            );
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _container.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private static async Task<K3sCluster> StartAsync()
    {
        // Before the node, which takes long to start.
        var folder = Repository.PathOf("artifacts", "images");
        var archives = K3sInstall
            .Images.Select(image => (Image: image, Archive: K3sInstall.ArchiveIn(folder, image, Repository.ImageTag)))
            .ToList();
        var cluster = new K3sCluster(
            await StartNodeAsync(Environment.GetEnvironmentVariable(ImageVariable) is { Length: > 0 } named ? named : DefaultImage)
        );
        try
        {
            await File.WriteAllTextAsync(cluster.Kubeconfig, await cluster._container.GetKubeconfigAsync());
            foreach (var (image, archive) in archives)
            {
                await cluster.ImportAsync(image, archive);
            }

            await using var open = cluster.Open();
            await open.ApplyAsync(K3sInstall.WithNodePort(await File.ReadAllTextAsync(RenderedManifest.PathOf("serving.yaml"))));
            await open.ApplyAsync(K3sInstall.Domain);
            await Eventually.HoldsAsync(
                async () =>
                    (await open.Client.GetAsync(Resources.Deployments, TestCluster.SystemNamespace, "serving", CancellationToken.None))
                        .Status!.ReadyReplicas.Should()
                        .BePositive(),
                Limit
            );
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    private NamedCluster Open() => new(Kubeconfig, Gateway, httpsGateway: null, K3sInstall.Registry, $":{Repository.ImageTag}");

    private async Task ImportAsync(string image, string archive)
    {
        var copy = $"/tmp/{Path.GetFileName(archive)}";
        await TestContext.Progress.WriteLineAsync($"k3s: importing {archive}");
        await _container.CopyAsync(new FileInfo(archive), "/tmp/");
        await ExecAsync(K3sInstall.ImportCommand(copy));
        await ExecAsync(K3sInstall.TagCommand(image, Repository.ImageTag));
        await ExecAsync(["rm", copy]);
    }

    private async Task ExecAsync(string[] command)
    {
        ExecResult result = await _container.ExecAsync(command);
        result.ExitCode.Should().Be(0, $"{string.Join(' ', command)}: {result.Stdout}{result.Stderr}");
    }
}
