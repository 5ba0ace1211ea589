using System.Diagnostics;
using Docker.DotNet;
using Docker.DotNet.Models;
using DotNet.Testcontainers.Configurations;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.Containers;

/// <summary>
/// The container engine of the tests in this namespace, found as Testcontainers finds it (<c>DOCKER_HOST</c>, the context of the docker
/// command, the usual sockets), with our images loaded. Where there is none, all tests of the namespace are skipped with one reason.
/// </summary>
[SetUpFixture]
public sealed class ContainerEngine
{
    /// <summary>Which images are built and tested, separated by spaces; "none" skips all tests.</summary>
    private const string ImagesVariable = "SERVING_TEST_CONTAINER_IMAGES";

    private const string DefaultImages = "host queue-proxy helloworld";
    private const string Registry = "ghcr.io/serving";

    private static readonly TimeSpan BuildLimit = TimeSpan.FromMinutes(20);
    private static readonly TimeSpan PingLimit = TimeSpan.FromSeconds(20);

    private static IDockerEndpointAuthenticationConfiguration? _endpoint;
    private static DockerClient? _client;

    /// <summary>The engine's API.</summary>
    internal static DockerClient Client => _client ?? throw new InvalidOperationException("no engine was found");

    /// <summary>Where the engine is, as the docker command understands it.</summary>
    internal static Uri Endpoint => _endpoint!.Endpoint;

    /// <summary>The images of this run.</summary>
    private static string[] Images { get; } =
        (Environment.GetEnvironmentVariable(ImagesVariable) is { Length: > 0 } names ? names : DefaultImages).Split(
            ' ',
            StringSplitOptions.RemoveEmptyEntries
        );

    /// <summary>The full name of an image; skips the test when the image is not one of this run.</summary>
    internal static string ImageName(string image)
    {
        if (!Images.Contains(image))
            Assert.Ignore($"{ImagesVariable} does not name {image}");
        return $"{Registry}/{image}:{Repository.ImageTag}";
    }

    [OneTimeSetUp]
    public async Task FindAsync()
    {
        if (Images is ["none"])
        {
            Assert.Ignore($"{ImagesVariable} names no image");
        }

        if (await ProblemAsync() is { } problem)
        {
            await TestContext.Progress.WriteLineAsync($"The container tests are skipped, as there is no container engine: {problem}");
            Assert.Ignore($"There is no container engine: {problem}");
        }

        await BuildAsync();
        foreach (var image in Images)
        {
            await LoadAsync(image);
        }
    }

    [OneTimeTearDown]
    public void Close() => _client?.Dispose();

    /// <summary>Why no engine can be used; null when one responds.</summary>
    private static async Task<string?> ProblemAsync()
    {
        try
        {
            _endpoint = TestcontainersSettings.OS.DockerEndpointAuthConfig;
            if (_endpoint is null)
                return "DOCKER_HOST is not set and none of the usual sockets responds";
            _client = _endpoint.GetDockerClientBuilder(Guid.NewGuid()).Build();
            using var limit = new CancellationTokenSource(PingLimit);
            await _client.System.PingAsync(limit.Token);
            return null;
        }
        catch (Exception failure)
            when (failure is HttpRequestException or IOException or OperationCanceledException or TimeoutException or DockerApiException)
        {
            return $"{_endpoint?.Endpoint}: {failure.Message}";
        }
    }

    /// <summary>Builds the archives that are not up to date; where they cannot be built, the engine must have the images already.</summary>
    private static async Task BuildAsync()
    {
        if (!OnPath("dpkg-deb"))
        {
            return;
        }

        var watch = Stopwatch.StartNew();
        var start = new ProcessStartInfo("bash", [Repository.PathOf("deploy", "images", "build"), "--reuse", .. Images])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };

        // What `dotnet test` tells its own build is not for this one, and no build server may keep our pipes open.
        foreach (
            var name in start.Environment.Keys.Where(static name => name.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase)).ToList()
        )
        {
            start.Environment.Remove(name);
        }

        start.Environment["UseSharedCompilation"] = "false";
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(BuildLimit);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"deploy/images/build failed:\n{await output}{await error}");
        await TestContext.Progress.WriteLineAsync($"images: {string.Join(", ", Images)} in {watch.Elapsed.TotalSeconds:0.0} s");
    }

    private static async Task LoadAsync(string image)
    {
        var archive = Directory.Exists(ArchiveFolder)
            ? Directory.GetFiles(ArchiveFolder, $"{image}-{Repository.ImageTag}-*.tar").FirstOrDefault()
            : null;
        if (archive is null)
        {
            await RequireAsync(ImageName(image));
            return;
        }

        var watch = Stopwatch.StartNew();
        await using var file = File.OpenRead(archive);
        var failures = new List<string>();
        await Client.Images.LoadImageAsync(
            new ImageLoadParameters { Quiet = true },
            file,
            new Messages(message =>
            {
                if (message.Error is { } failed)
                    failures.Add(failed.Message ?? "no reason given");
            })
        );
        if (failures.Count > 0)
            throw new InvalidOperationException($"{archive} cannot be loaded: {string.Join("; ", failures)}");
        await TestContext.Progress.WriteLineAsync($"loaded {ImageName(image)} in {watch.Elapsed.TotalSeconds:0.0} s");
    }

    private static string ArchiveFolder => Repository.PathOf("artifacts", "images");

    private static async Task RequireAsync(string name)
    {
        try
        {
            await Client.Images.InspectImageAsync(name);
        }
        catch (DockerImageNotFoundException)
        {
            Assert.Ignore(
                $"{name} is not in the engine, and deploy/images/build needs Debian's tools: build it with deploy/images/*/Dockerfile, or name other images in {ImagesVariable}"
            );
        }
    }

    private static bool OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, program)));

    private sealed class Messages(Action<JSONMessage> take) : IProgress<JSONMessage>
    {
        public void Report(JSONMessage value) => take(value);
    }
}
