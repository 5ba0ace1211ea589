using Microsoft.Extensions.Options;
using Serving.Host.Cluster;
using Serving.Host.Composition;

namespace Serving.Host.Settings;

/// <summary>The settings of <c>run</c>, as text.</summary>
internal sealed class RunSettings
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Run";

    /// <summary>A kubeconfig file; when null, KUBECONFIG, else the pod's service account, else ~/.kube/config.</summary>
    public string? Kubeconfig { get; set; }

    /// <summary>A context of the kubeconfig.</summary>
    public string? Context { get; set; }

    /// <summary>The modules to run, separated by commas.</summary>
    public string? Modules { get; set; }

    /// <summary>The Leases to hold: <c>own</c> or <c>knative</c>.</summary>
    public string Leases { get; set; } = "own";

    /// <summary>The address to listen on and to publish.</summary>
    public string? Bind { get; set; }

    /// <summary>Port of the gateway for clients outside the cluster.</summary>
    public int GatewayPort { get; set; } = Defaults.GatewayPort;

    /// <summary>Port of the gateway for clients inside.</summary>
    public int GatewayInternalPort { get; set; } = Defaults.GatewayInternalPort;

    /// <summary>HTTPS port of the gateway; 0 for none.</summary>
    public int GatewayHttpsPort { get; set; } = Defaults.GatewayHttpsPort;

    /// <summary>HTTPS port of the gateway for clients inside; 0 for none.</summary>
    public int GatewayInternalHttpsPort { get; set; } = Defaults.GatewayInternalHttpsPort;

    /// <summary>The number of trusted proxies in front of the gateway.</summary>
    public int GatewayTrustedHops { get; set; } = Defaults.GatewayTrustedHops;

    /// <summary>Port of the webhook.</summary>
    public int WebhookPort { get; set; } = Defaults.WebhookPort;

    /// <summary>The URL by which an API server reaches a webhook outside its cluster.</summary>
    public string? WebhookUrl { get; set; }

    /// <summary>Port of the probes.</summary>
    public int HealthPort { get; set; } = Defaults.HealthPort;

    /// <summary>Whether the port of the probes also serves the status pages.</summary>
    public bool StatusPages { get; set; } = Defaults.StatusPages;

    /// <summary>Seconds to keep serving after SIGTERM.</summary>
    public string? DrainDelay { get; set; }

    /// <summary>Whether metrics require authorization by the cluster.</summary>
    public bool MetricsAuth { get; set; } = Defaults.MetricsAuth;

    private static ClusterOptions Defaults { get; } = new(null, null, []);

    /// <summary>Converts validated settings to options.</summary>
    public ClusterOptions ToOptions() =>
        new(
            Kubeconfig is null ? null : Path.GetFullPath(Kubeconfig),
            Context,
            Modules is null ? ControlPlane.AllModules : Rules.Names(Modules)
        )
        {
            Leases = Enum.Parse<LeaseScheme>(Leases, ignoreCase: true),
            Bind = Bind is null ? null : Rules.Address(Bind),
            GatewayPort = GatewayPort,
            GatewayInternalPort = GatewayInternalPort,
            GatewayHttpsPort = GatewayHttpsPort,
            GatewayInternalHttpsPort = GatewayInternalHttpsPort,
            GatewayTrustedHops = GatewayTrustedHops,
            WebhookPort = WebhookPort,
            WebhookUrl = WebhookUrl is null ? null : Rules.HttpsUrl(WebhookUrl),
            HealthPort = HealthPort,
            StatusPages = StatusPages,
            DrainDelay = DrainDelay is null ? null : Rules.Seconds(DrainDelay),
            MetricsAuth = MetricsAuth,
        };

    /// <summary>Validates the settings.</summary>
    internal sealed class Validator : IValidateOptions<RunSettings>
    {
        public ValidateOptionsResult Validate(string? name, RunSettings options)
        {
            string?[] problems =
            [
                Rules.OneOf($"{Section}:{nameof(Modules)}", options.Modules, ControlPlane.AllModules),
                Rules.OneOf($"{Section}:{nameof(Leases)}", options.Leases, ["own", "knative"]),
                Rules.Reads($"{Section}:{nameof(Bind)}", options.Bind, Rules.Address, "an IP address"),
                Rules.Port($"{Section}:{nameof(GatewayPort)}", options.GatewayPort),
                Rules.Port($"{Section}:{nameof(GatewayInternalPort)}", options.GatewayInternalPort),
                Rules.Port($"{Section}:{nameof(GatewayHttpsPort)}", options.GatewayHttpsPort, mayBeNone: true),
                Rules.Port($"{Section}:{nameof(GatewayInternalHttpsPort)}", options.GatewayInternalHttpsPort, mayBeNone: true),
                options.GatewayTrustedHops is >= 0 and <= 16
                    ? null
                    : $"{Section}:{nameof(GatewayTrustedHops)}: '{options.GatewayTrustedHops}' is not a number from 0 to 16.",
                Rules.Port($"{Section}:{nameof(WebhookPort)}", options.WebhookPort),
                Rules.Reads($"{Section}:{nameof(WebhookUrl)}", options.WebhookUrl, Rules.HttpsUrl, "an https address"),
                Rules.Port($"{Section}:{nameof(HealthPort)}", options.HealthPort),
                Rules.Reads($"{Section}:{nameof(DrainDelay)}", options.DrainDelay, Rules.Seconds, "a number of seconds"),
            ];
            return problems.Any(static problem => problem is not null)
                ? ValidateOptionsResult.Fail(problems.OfType<string>())
                : ValidateOptionsResult.Success;
        }
    }
}
