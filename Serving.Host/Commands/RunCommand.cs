using System.CommandLine;
using System.Globalization;
using System.Net;
using Serving.Host.Cluster;
using Serving.Host.Settings;

namespace Serving.Host.Commands;

/// <summary><c>run</c>: the control plane against a cluster, in one of its pods or from outside with a kubeconfig.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var kubeconfig = new Option<FileInfo?>("--kubeconfig")
        {
            Description = "A kubeconfig file; default: KUBECONFIG, else the pod's service account, else ~/.kube/config.",
        };
        var context = new Option<string?>("--context") { Description = "The context of the kubeconfig to use." };
        var modules = new Option<string[]>("--modules")
        {
            Description = $"The modules to run in this process: {string.Join(", ", Composition.ControlPlane.AllModules)}.",
            DefaultValueFactory = _ => [.. Composition.ControlPlane.AllModules],
            CustomParser = result => [.. result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.RemoveEmptyEntries))],
        };
        modules.Validators.Add(result =>
        {
            foreach (var module in result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.RemoveEmptyEntries)))
            {
                if (!Composition.ControlPlane.AllModules.Contains(module))
                {
                    result.AddError($"--modules: '{module}' is not one of {string.Join(", ", Composition.ControlPlane.AllModules)}.");
                }
            }
        });
        var bind = Parsed<IPAddress?>(
            "--bind",
            "The address to listen on and to publish; default: POD_IP, else the machine's.",
            Rules.Address,
            "an IP address"
        );
        var webhookUrl = Parsed<Uri?>(
            "--webhook-url",
            "The address at which the API server reaches this process's webhook (https://HOST:PORT), when it runs outside the cluster.",
            Rules.HttpsUrl,
            "an https address"
        );
        var drainDelay = Parsed<TimeSpan?>(
            "--drain-delay",
            "Seconds to keep serving after SIGTERM, until load balancers have noticed; default: 15 in a pod, else 0.",
            Rules.Seconds,
            "a number of seconds"
        );
        var leases = new Option<LeaseScheme>("--leases")
        {
            Description =
                "The Leases to hold: own, or knative to also hold those of the reference implementation's reconcilers, so that the two never act at once.",
            DefaultValueFactory = _ => LeaseScheme.Own,
        };
        leases.AcceptOnlyFromAmong("own", "knative");
        var defaults = new ClusterOptions(null, null, []);
        var gatewayPort = PortOption.Create("--gateway-port", "Port of the gateway for clients outside the cluster.", defaults.GatewayPort);
        var gatewayInternalPort = PortOption.Create(
            "--gateway-internal-port",
            "Port of the gateway for clients inside.",
            defaults.GatewayInternalPort
        );
        var gatewayHttpsPort = PortOption.Create(
            "--gateway-https-port",
            "HTTPS port of the gateway; 0 for none. With it the gateway reads all Secrets.",
            defaults.GatewayHttpsPort,
            mayBeNone: true
        );
        var gatewayInternalHttpsPort = PortOption.Create(
            "--gateway-internal-https-port",
            "HTTPS port of the gateway for clients inside, used with --gateway-https-port; 0 for none.",
            defaults.GatewayInternalHttpsPort,
            mayBeNone: true
        );
        var trustedHops = new Option<int>("--gateway-trusted-hops")
        {
            Description = "Trusted proxies in front of the gateway, whose X-Forwarded-* headers are kept; with 0 they are replaced.",
            DefaultValueFactory = _ => defaults.GatewayTrustedHops,
        };
        trustedHops.Validators.Add(result =>
        {
            if (
                result.Tokens is [var token]
                && !(int.TryParse(token.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var hops) && hops <= 16)
            )
            {
                result.AddError($"--gateway-trusted-hops: '{token.Value}' is not a number from 0 to 16.");
            }
        });
        var webhookPort = PortOption.Create("--webhook-port", "Port of the webhook.", defaults.WebhookPort);
        var healthPort = PortOption.Create("--health-port", "Port of the probes, /readyz and /livez.", defaults.HealthPort);
        var statusPages = new Option<bool>("--status-pages")
        {
            Description =
                "Whether the port of the probes also serves status pages at /status, to connections from the pod itself only, such as kubectl port-forward.",
            DefaultValueFactory = _ => defaults.StatusPages,
        };
        var metricsAuth = new Option<bool>("--metrics-auth")
        {
            Description =
                "Whether /metrics uses TLS and requires that the cluster allows the caller to get that path; false for everybody, in clear text.",
            DefaultValueFactory = _ => defaults.MetricsAuth,
        };
        var command = new Command("run", "Runs the control plane against a Kubernetes cluster.")
        {
            kubeconfig,
            context,
            modules,
            leases,
            bind,
            gatewayPort,
            gatewayInternalPort,
            gatewayHttpsPort,
            gatewayInternalHttpsPort,
            trustedHops,
            webhookPort,
            webhookUrl,
            healthPort,
            statusPages,
            drainDelay,
            metricsAuth,
        };
        command.SetAction(
            async (parsed, cancellation) =>
            {
                var settings = SettingsReader.Read(RunSettings.Section, parsed, new RunSettings.Validator());
                var options = settings.ToOptions() with { Settings = SettingsReader.Describe(RunSettings.Section, parsed, settings) };
                return await new ClusterSession(options).RunAsync(cancellation);
            }
        );
        return command;
    }

    /// <summary>An option that is parsed by <paramref name="read"/>, which returns null when the text is not
    /// <paramref name="expected"/>.</summary>
    private static Option<T> Parsed<T>(string name, string description, Func<string, T?> read, string expected) =>
        new(name)
        {
            Description = description,
            CustomParser = result =>
            {
                var text = result.Tokens.Single().Value;
                if (read(text) is { } value)
                {
                    return value;
                }

                result.AddError($"{name}: '{text}' is not {expected}.");
                return default;
            },
        };
}
