using System.Diagnostics;
using System.Globalization;
using Docker.DotNet.Models;
using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Containers;
using DotNet.Testcontainers.Images;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Serving.Tests.Containers;

/// <summary>
/// A container of one of our images, restricted as the install restricts pods: the image's user, a read-only root, no capabilities, no new
/// privileges. It shares the network of the engine's machine, so it must be told to listen on a loopback address.
/// </summary>
internal sealed class ImageContainer : IAsyncDisposable
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(60);

    private readonly string _image;
    private readonly IContainer _container;
    private readonly Stopwatch _running;

    private ImageContainer(string image, IContainer container, Stopwatch running) =>
        (_image, _container, _running) = (image, container, running);

    /// <summary>The engine's id of it.</summary>
    public string Id => _container.Id;

    /// <summary>Starts it.</summary>
    /// <param name="image">The short name of the image.</param>
    /// <param name="variables">Its environment, beside the image's.</param>
    /// <param name="directories">Directories of the engine's machine that it reads at the same path.</param>
    public static async Task<ImageContainer> StartAsync(
        string image,
        IReadOnlyDictionary<string, string> variables,
        IReadOnlyList<string>? directories = null
    )
    {
        var container = new ContainerBuilder(ContainerEngine.ImageName(image))
            .WithImagePullPolicy(PullPolicy.Never)
            .WithLogger(NullLogger.Instance)
            .WithEnvironment(variables)
            .WithCreateParameterModifier(parameters =>
            {
                var host = parameters.HostConfig ??= new HostConfig();
                host.NetworkMode = "host";
                host.ReadonlyRootfs = true;
                host.CapDrop = ["ALL"];
                host.SecurityOpt = ["no-new-privileges"];
                host.Binds = [.. (directories ?? []).Select(static directory => $"{directory}:{directory}:ro")];
            })
            .Build();
        var running = Stopwatch.StartNew();
        await container.StartAsync();
        return new ImageContainer(image, container, running);
    }

    /// <summary>The time since its start was asked for.</summary>
    public TimeSpan Elapsed => _running.Elapsed;

    /// <summary>Sends its process a signal, as <c>SIGTERM</c>.</summary>
    public Task SignalAsync(string signal) =>
        ContainerEngine.Client.Containers.KillContainerAsync(Id, new ContainerKillParameters { Signal = signal });

    /// <summary>Whether it has ended.</summary>
    public async Task<bool> HasExitedAsync() => !(await ContainerEngine.Client.Containers.InspectContainerAsync(Id)).State!.Running;

    /// <summary>Waits until it has ended.</summary>
    public async Task<int> ExitCodeAsync()
    {
        using var limit = new CancellationTokenSource(EndLimit);
        return (int)(await ContainerEngine.Client.Containers.WaitContainerAsync(Id, limit.Token)).StatusCode;
    }

    /// <summary>What it wrote, standard output and error together.</summary>
    public async Task<string> OutputAsync()
    {
        var (output, error) = await _container.GetLogsAsync(timestampsEnabled: false);
        return output + error;
    }

    /// <summary>Prints what it took until now.</summary>
    /// <param name="until">What was reached.</param>
    public async Task ReportAsync(string until) => await ReportAsync(_image, Id, until, Elapsed);

    /// <summary>Prints how long it ran.</summary>
    public async Task ReportEndAsync() =>
        await TestContext.Progress.WriteLineAsync(
            string.Create(CultureInfo.InvariantCulture, $"{_image}: ended after {Elapsed.TotalMilliseconds:0} ms")
        );

    /// <summary>Prints how much memory a container takes after a time.</summary>
    public static async Task ReportAsync(string image, string id, string until, TimeSpan elapsed)
    {
        var memory = await MemoryAsync(id);
        await TestContext.Progress.WriteLineAsync(
            string.Create(CultureInfo.InvariantCulture, $"{image}: {until} after {elapsed.TotalMilliseconds:0} ms, {memory}")
        );
    }

    public ValueTask DisposeAsync() => _container.DisposeAsync();

    private static async Task<string> MemoryAsync(string id)
    {
        var statistics = new Latest<ContainerStatsResponse>();
        await ContainerEngine.Client.Containers.GetContainerStatsAsync(id, new ContainerStatsParameters { Stream = false }, statistics);
        var memory = statistics.Value?.MemoryStats;
        if (memory?.Usage is not { } usage)
        {
            return "memory unknown: the engine has no statistics of it";
        }

        // As `docker stats` counts: without file pages that can be dropped; anonymous pages are its own.
        var inactive = Of("inactive_file") ?? Of("total_inactive_file") ?? 0;
        var own = Of("anon") ?? Of("rss");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{(usage - inactive) / 1e6:0.0} MB in use{(own is null ? "" : $", {own / 1e6:0.0} MB anonymous")}"
        );

        ulong? Of(string name) => memory.Stats?.TryGetValue(name, out var value) == true ? value : null;
    }

    private sealed class Latest<T> : IProgress<T>
    {
        public T? Value { get; private set; }

        public void Report(T value) => Value = value;
    }
}
