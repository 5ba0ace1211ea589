using System.CommandLine;
using System.Globalization;
using System.Net;
using Serving.Host.Cluster;
using Serving.Host.Settings;

namespace Serving.Host.Commands;

/// <summary><c>run</c>: the control plane against a cluster, in a pod of it or from outside by a kubeconfig.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var kubeconfig = new Option<FileInfo?>("--kubeconfig")
        {
            Description = "A kubeconfig; without it the pod's service account, else the usual KUBECONFIG.",
        };
        var context = new Option<string?>("--context") { Description = "The context of the kubeconfig to use." };
        var modules = new Option<string[]>("--modules")
        {
            Description = $"Which modules run in this process: {string.Join(", ", Composition.ControlPlane.AllModules)}.",
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
            "The address to listen on and to be found at; without it POD_IP, else the machine's.",
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
            "Seconds to serve on after SIGTERM, so that others learn of it; 15 in a pod, else 0.",
            Rules.Seconds,
            "a number of seconds"
        );
        var leases = new Option<LeaseScheme>("--leases")
        {
            Description =
                "Which Leases to hold: own, or knative for those of every part of the reference implementation that we replace too, so that never both act.",
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
            "HTTPS port of the gateway for clients inside, beside --gateway-https-port; 0 for none.",
            defaults.GatewayInternalHttpsPort,
            mayBeNone: true
        );
        var trustedHops = new Option<int>("--gateway-trusted-hops")
        {
            Description = "Proxies in front of the gateway whose X-Forwarded-* is believed; with 0 it is replaced.",
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
        var metricsAuth = new Option<bool>("--metrics-auth")
        {
            Description =
                "Whether /metrics, when it is served at all, is only for whom the cluster allows to get that path, over TLS; false for everybody, in clear text.",
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
            drainDelay,
            metricsAuth,
        };
        command.SetAction(
            async (parsed, cancellation) =>
            {
                var options = SettingsReader.Read(RunSettings.Section, parsed, new RunSettings.Validator()).ToOptions();
                return await new ClusterSession(options).RunAsync(cancellation);
            }
        );
        return command;
    }

    /// <summary>An option whose text is read by <paramref name="read"/>, which gives null for what is not
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
