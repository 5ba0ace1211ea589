using System.Net;
using System.Security.Authentication;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Certificates;
using Serving.ConfigMaps;
using Serving.Kubernetes;

namespace Serving.Webhook;

/// <summary>
/// Admission: defaults and validates our kinds and validates ConfigMaps, in every replica. Not ready until the API server trusts the
/// certificate; a new certificate is used only after its authority has been registered.
/// </summary>
public sealed class WebhookModule : IServingModule, IDisposable
{
    private const string InstalledLabel = "app.kubernetes.io/name=knative-serving";
    private const int MaxConnections = 2048;
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly WebhookOptions options;
    private readonly ClusterEnvironment environment;
    private readonly ConfigStore config;
    private readonly ICertificateSource source;
    private readonly WebhookRegistration registration;
    private readonly RegistrationModule? right;
    private readonly AdmissionEndpoints endpoints;
    private readonly ILogger<WebhookModule> logger;
    private readonly TimeProvider time;
    private readonly Channel<bool> wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly IInformer<Api.Core.WebhookConfiguration>[] configurations;
    private readonly Heartbeat heartbeat;
    private volatile ServingCertificate? certificate;
    private volatile string? notReady = "the certificate is not in place yet";
    private volatile IKubernetesClient? dryRuns;

    /// <param name="options">The listen address and the names of its objects.</param>
    /// <param name="environment">Provides the system namespace and the cluster's domain.</param>
    /// <param name="informers">Report changes of webhook configurations.</param>
    /// <param name="config">The configuration, for defaults and limits.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="right">The permission to write the shared certificate and the configurations; null for always. Without it, existing objects are used.</param>
    public WebhookModule(
        WebhookOptions options, ClusterEnvironment environment, IInformers informers, ConfigStore config, ILoggerFactory loggers, TimeProvider time,
        RegistrationModule? right = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(informers);
        this.options = options;
        this.environment = environment;
        this.config = config;
        this.time = time;
        this.right = right;
        logger = loggers.CreateLogger<WebhookModule>();
        heartbeat = new Heartbeat("updating the webhook registration", options.CheckInterval + Patience, time);
        configurations =
        [
            informers.For(Resources.MutatingWebhookConfigurations, null, InstalledLabel),
            informers.For(Resources.ValidatingWebhookConfigurations, null, InstalledLabel),
        ];
        source = options.Url is { } url
            ? new TransientCertificate(url.IdnHost.Trim('[', ']'), time, loggers.CreateLogger<TransientCertificate>())
            : new CertificateSecret(
                new(environment.SystemNamespace, options.SecretName, options.ServiceName, environment.ClusterDomain), time, loggers.CreateLogger<CertificateSecret>());
        registration = new WebhookRegistration(options, environment.SystemNamespace);
        endpoints = new AdmissionEndpoints(Handlers(), loggers, time);
        Port = new ServingPort("admission", new IPEndPoint(options.Address, options.Port))
        {
            MaxConnections = MaxConnections,
            Certificate = () => certificate?.Context ?? throw new AuthenticationException("the certificate of admission is not in place yet"),
            Serve = endpoints.Map,
            NotFound = endpoints.NotFound,
        };
    }

    /// <inheritdoc/>
    public string Name => "webhook";

    /// <inheritdoc/>
    public Activation Activation => Activation.Always;

    /// <inheritdoc/>
    public string? NotReadyReason => notReady;

    /// <inheritdoc/>
    public string? StuckReason => heartbeat.StuckReason;

    /// <summary>The port of admission. Handshakes fail there until the certificate exists.</summary>
    public ServingPort Port { get; }

    /// <inheritdoc/>
    public void Dispose() => endpoints.Dispose();

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        var registrations = configurations.Select(i => i.AddHandler(_ => Wake())).ToArray();
        if (right is not null)
        {
            right.Changed += Wake;
        }

        try
        {
            await config.WaitForSyncAsync(cancellation).ConfigureAwait(false);
            dryRuns = client;
            await FirstCertificateAsync(client, cancellation).ConfigureAwait(false);
            logger.LogInformation("Admission is listening on {EndPoint}", Port.EndPoint);
            await KeepAsync(client, cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            logger.LogDebug("Admission has stopped");
        }
        finally
        {
            heartbeat.Rest();
            notReady = "stopped";
            foreach (var registration in registrations)
            {
                registration.Dispose();
            }

            if (right is not null)
            {
                right.Changed -= Wake;
            }
        }
    }

    private Dictionary<string, Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>>> Handlers() => new(StringComparer.Ordinal)
    {
        ["/defaulting"] = (request, _) => ValueTask.FromResult(ResourceAdmission.Default(request, config.Current, environment.ClusterDomain)),
        ["/resource-validation"] = async (request, cancellation) =>
        {
            var answer = ResourceAdmission.Validate(request, config.Current, environment.ClusterDomain);
            return answer.Refusal is null && dryRuns is { } client && await PodSpecDryRun.CheckAsync(request, client, cancellation).ConfigureAwait(false) is { } refusal
                ? answer with { Refusal = refusal }
                : answer;
        },
        ["/config-validation"] = (request, _) => ValueTask.FromResult(ConfigMapAdmission.Validate(request, environment.ClusterDomain)),
    };

    // Once ready, the existing configuration is valid even if it cannot be written now: the replica stays ready and retries.
    private async Task KeepAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            heartbeat.Beat();
            var wait = options.CheckInterval;
            try
            {
                var (next, problem) = await RegisterAsync(client, cancellation).ConfigureAwait(false);
                if (problem is not null)
                {
                    logger.LogWarning("The admission webhook is not registered: {Problem}", problem);
                    notReady = notReady is null && !registration.IsLost ? null : problem;
                    wait = RetryDelay;
                }
                else
                {
                    certificate = next;
                    notReady = null;
                }
            }
            catch (Exception error) when (error is KubernetesException or HttpRequestException or IOException or TimeoutException)
            {
                logger.LogWarning(error, "Registering the admission webhook failed; retrying");
                wait = RetryDelay;
            }
            catch (LeaseLostException lost)
            {
                logger.LogInformation("{Reason}; another process registers the admission webhook", lost.Message);
            }

            await WaitAsync(wait, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Updates the registration or, while another process may write, checks that its registration leads to us. Returns the certificate to use, and the problem.</summary>
    private async Task<(ServingCertificate? Certificate, string? Problem)> RegisterAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        if ((right is null ? client : right.Client) is { } writer)
        {
            var made = await source.EnsureAsync(writer, cancellation).ConfigureAwait(false);
            return (made, await registration.ApplyAsync(writer, made.Pems.Authorities, cancellation).ConfigureAwait(false));
        }

        return await source.ReadAsync(client, cancellation).ConfigureAwait(false) is { } shared
            ? (shared, await WebhookRegistration.FindDistrustAsync(client, shared.Pems.Authorities, cancellation).ConfigureAwait(false))
            : (null, "there is no certificate yet; another process is responsible for creating it");
    }

    private async Task FirstCertificateAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        while (certificate is null)
        {
            await RepeatAsync(
                async () => certificate = (right is null ? client : right.Client) is { } writer
                    ? await source.EnsureAsync(writer, cancellation).ConfigureAwait(false)
                    : await source.ReadAsync(client, cancellation).ConfigureAwait(false),
                cancellation).ConfigureAwait(false);
            if (certificate is null)
            {
                await WaitAsync(RetryDelay, cancellation).ConfigureAwait(false);
            }
        }
    }

    private void Wake() => wake.Writer.TryWrite(true);

    private async Task WaitAsync(TimeSpan longest, CancellationToken cancellation)
    {
        using var enough = new CancellationTokenSource(longest, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(enough.Token, cancellation);
        try
        {
            await wake.Reader.ReadAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            logger.LogTrace("Checking the webhook registration");
        }
    }

    private async Task RepeatAsync(Func<Task> work, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await work().ConfigureAwait(false);
                return;
            }
            catch (Exception error) when (error is KubernetesException or HttpRequestException or IOException or TimeoutException)
            {
                notReady = $"the certificate is not in place yet: {error.Message}";
                logger.LogWarning(error, "Reading or storing the certificate failed; retrying");
                await Task.Delay(RetryDelay, time, cancellation).ConfigureAwait(false);
            }
        }
    }
}
