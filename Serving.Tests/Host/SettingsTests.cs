using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Configuration;
using NUnit.Framework;
using Serving.Host;
using Serving.Host.Cluster;
using Serving.Host.Composition;
using Serving.Host.Local;
using Serving.Host.Settings;
using Serving.Kubernetes.Hosting;
using Serving.StatusPages.Sources;

namespace Serving.Tests.Host;

/// <summary>From command line, environment and appsettings.json to what a command runs with.</summary>
public sealed class SettingsTests
{
    [Test]
    public void The_command_line_goes_before_the_environment_and_that_before_the_file()
    {
        var folder = Directory.CreateTempSubdirectory("settings");
        try
        {
            File.WriteAllText(
                Path.Combine(folder.FullName, "appsettings.json"),
                """{"Run":{"GatewayPort":1001,"WebhookPort":1002,"HealthPort":1003,"Modules":"webhook, gateway","MetricsAuth":false}}"""
            );
            Environment.SetEnvironmentVariable("SERVING_RUN__WEBHOOKPORT", "2002");
            Environment.SetEnvironmentVariable("SERVING_RUN__HEALTHPORT", "2003");

            var options = Run(SettingsReader.Lower(folder.FullName), "--health-port", "3003");

            (options.GatewayPort, options.WebhookPort, options.HealthPort).Should().Be((1001, 2002, 3003));
            options.Modules.Should().Equal("webhook", "gateway");
            options.MetricsAuth.Should().BeFalse();
        }
        finally
        {
            Environment.SetEnvironmentVariable("SERVING_RUN__WEBHOOKPORT", null);
            Environment.SetEnvironmentVariable("SERVING_RUN__HEALTHPORT", null);
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public void Where_nothing_is_said_the_defaults_hold()
    {
        Run(Configuration()).Should().BeEquivalentTo(new ClusterOptions(null, null, ControlPlane.AllModules));
        var local = Local(Configuration(), "--plain");
        local
            .Should()
            .BeEquivalentTo(new LocalOptions(Path.GetFullPath(".serving"), 6443, 8080, [], [], LocalOptions.AllRoles, Plain: true));
    }

    [Test]
    public void Every_setting_of_run_arrives()
    {
        var options = Run(
            Configuration(
                ("Run:Kubeconfig", "/k"),
                ("Run:Context", "c"),
                ("Run:Modules", "controller"),
                ("Run:Leases", "knative"),
                ("Run:Bind", "10.0.0.7"),
                ("Run:GatewayPort", "1"),
                ("Run:GatewayInternalPort", "2"),
                ("Run:GatewayHttpsPort", "3"),
                ("Run:GatewayInternalHttpsPort", "4"),
                ("Run:GatewayTrustedHops", "5"),
                ("Run:WebhookPort", "6"),
                ("Run:WebhookUrl", "https://a.test:9443"),
                ("Run:HealthPort", "7"),
                ("Run:DrainDelay", "1.5"),
                ("Run:MetricsAuth", "false"),
                ("Run:StatusPages", "true")
            )
        );

        options
            .Should()
            .BeEquivalentTo(
                new ClusterOptions("/k", "c", ["controller"])
                {
                    Leases = LeaseScheme.Knative,
                    Bind = IPAddress.Parse("10.0.0.7"),
                    GatewayPort = 1,
                    GatewayInternalPort = 2,
                    GatewayHttpsPort = 3,
                    GatewayInternalHttpsPort = 4,
                    GatewayTrustedHops = 5,
                    WebhookPort = 6,
                    WebhookUrl = new Uri("https://a.test:9443"),
                    HealthPort = 7,
                    DrainDelay = TimeSpan.FromSeconds(1.5),
                    MetricsAuth = false,
                    StatusPages = true,
                }
            );
    }

    [TestCase("Run:GatewayPort", "70000", "Run:GatewayPort: '70000' is not a port, 1 to 65535.")]
    [TestCase("Run:GatewayPort", "many", "Run:GatewayPort: 'many' is not a whole number.")]
    [TestCase("Run:GatewayHttpsPort", "-1", "Run:GatewayHttpsPort: '-1' is not a port, 0 to 65535.")]
    [TestCase("Run:GatewayTrustedHops", "17", "Run:GatewayTrustedHops: '17' is not a number from 0 to 16.")]
    [TestCase("Run:Modules", "webhook,frobnicate", "Run:Modules: 'frobnicate' is not one of *")]
    [TestCase("Run:Leases", "mine", "Run:Leases: 'mine' is not one of own, knative.")]
    [TestCase("Run:Bind", "300.1.1.1", "Run:Bind: '300.1.1.1' is not an IP address.")]
    [TestCase("Run:WebhookUrl", "http://a.test", "Run:WebhookUrl: 'http://a.test' is not an https address.")]
    [TestCase("Run:DrainDelay", "soon", "Run:DrainDelay: 'soon' is not a number of seconds.")]
    [TestCase("Run:MetricsAuth", "yes", "Run:MetricsAuth: 'yes' is neither true nor false.")]
    [TestCase("Run:GatewyPort", "1", "Run:GatewyPort: there is no such setting; there are Bind, Context, *")]
    [TestCase("Run:Modules:0", "webhook", "Run:Modules: it takes one value, not a list or an object.")]
    public void What_is_refused_names_the_setting(string key, string value, string message)
    {
        var read = () => Run(Configuration((key, value)));

        read.Should().Throw<UserErrorException>().WithMessage(message);
    }

    [TestCase("Local:ApiPort", "0", "Local:ApiPort: '0' is not a port, 1 to 65535.")]
    [TestCase("Local:Roles", "kubelet", "Local:Roles: 'kubelet' is not one of apiserver, node, controlplane.")]
    [TestCase("Local:PodLogs", "1", "Local:PodLogs: '1' is not a size of at least 1Mi, such as 1Gi.")]
    [TestCase("Local:Apply", "x.yaml", "Local:Apply: there is no such setting; *")]
    public void What_is_refused_of_the_local_cluster_names_the_setting(string key, string value, string message)
    {
        var read = () => Local(Configuration((key, value)));

        read.Should().Throw<UserErrorException>().WithMessage(message);
    }

    [Test]
    public void All_that_is_wrong_is_said_at_once()
    {
        var read = () => Run(Configuration(("Run:GatewayPort", "0"), ("Run:HealthPort", "0")));

        read.Should().Throw<UserErrorException>().WithMessage("Run:GatewayPort: *Run:HealthPort: *");
    }

    [Test]
    public void A_file_that_cannot_be_read_is_named()
    {
        var folder = Directory.CreateTempSubdirectory("settings");
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "appsettings.json"), "{");

            var read = () => SettingsReader.Lower(folder.FullName);

            read.Should().Throw<UserErrorException>().WithMessage($"{folder.FullName}/appsettings.json: it cannot be read: *");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public void Each_setting_says_where_it_comes_from_and_what_stands_in_for_it()
    {
        var folder = Directory.CreateTempSubdirectory("settings");
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "appsettings.json"), """{"Run":{"GatewayPort":1001,"HealthPort":1002}}""");
            Environment.SetEnvironmentVariable("SERVING_RUN__GATEWAYHTTPSPORT", "2002");
            var lower = SettingsReader.Lower(folder.FullName);
            var parsed = CommandLine.Create().Parse(["run", "--health-port", "3003", "--leases=knative", "--status-pages"]);
            var settings = SettingsReader.Read(RunSettings.Section, lower, parsed, new RunSettings.Validator());
            var options = settings.ToOptions() with { Settings = SettingsReader.Describe(RunSettings.Section, lower, parsed, settings) };

            var effective = EffectiveSettings
                .Of(
                    options,
                    new ClusterEnvironment("knative-serving", "cluster.local", "serving-0", IPAddress.Loopback),
                    isPod: true,
                    TimeSpan.FromSeconds(15),
                    static name => name == "POD_NAME" ? "serving-0" : null
                )
                .ToList();

            effective
                .Should()
                .Contain([
                    new ProcessSetting("--health-port", "3003", "command line"),
                    new ProcessSetting("--leases", "knative", "command line"),
                    new ProcessSetting("--status-pages", "true", "command line"),
                    new ProcessSetting("--gateway-https-port", "2002", "environment: SERVING_RUN__GATEWAYHTTPSPORT"),
                    new ProcessSetting("--gateway-port", "1001", "appsettings.json"),
                    new ProcessSetting("--metrics-auth", "true", ProcessSetting.Default),
                    new ProcessSetting("--modules", string.Join(", ", ControlPlane.AllModules), ProcessSetting.Default),
                    new ProcessSetting("--bind", "127.0.0.1", ProcessSetting.Default),
                    new ProcessSetting("--drain-delay", "15", ProcessSetting.Default),
                    new ProcessSetting("--kubeconfig", "the account of the pod", ProcessSetting.Default),
                    new ProcessSetting("POD_NAME", "serving-0", "environment: POD_NAME"),
                    new ProcessSetting("SYSTEM_NAMESPACE", "knative-serving", ProcessSetting.Default),
                ]);
        }
        finally
        {
            Environment.SetEnvironmentVariable("SERVING_RUN__GATEWAYHTTPSPORT", null);
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public void The_roles_of_local_are_shown_also_when_nobody_set_them()
    {
        var parsed = CommandLine.Create().Parse(["local", "--plain"]);
        var settings = SettingsReader.Read(LocalSettings.Section, Configuration(), parsed, new LocalSettings.Validator());

        EffectiveSettings
            .Of(settings.ToOptions([], [], false), SettingsReader.Describe(LocalSettings.Section, Configuration(), parsed, settings))
            .Should()
            .Contain([
                new ProcessSetting("--roles", "apiserver, node, controlplane", ProcessSetting.Default),
                new ProcessSetting("--plain", "true", "command line"),
                new ProcessSetting("--api-port", "6443", ProcessSetting.Default),
            ]);
    }

    [Test]
    public void What_is_shown_as_a_setting_is_an_option_of_the_command()
    {
        var root = CommandLine.Create();
        Shown("run", SettingsReader.Describe(RunSettings.Section, Configuration(), root.Parse(["run"]), new RunSettings()));
        Shown("local", SettingsReader.Describe(LocalSettings.Section, Configuration(), root.Parse(["local"]), new LocalSettings()));

        void Shown(string command, IReadOnlyList<ProcessSetting> settings) =>
            settings
                .Select(setting => setting.Name)
                .Should()
                .BeSubsetOf(root.Subcommands.Single(one => one.Name == command).Options.Select(option => option.Name));
    }

    private static ClusterOptions Run(IConfiguration lower, params string[] args) =>
        SettingsReader
            .Read(RunSettings.Section, lower, CommandLine.Create().Parse(["run", .. args]), new RunSettings.Validator())
            .ToOptions();

    private static LocalOptions Local(IConfiguration lower, params string[] args) =>
        SettingsReader
            .Read(LocalSettings.Section, lower, CommandLine.Create().Parse(["local", .. args]), new LocalSettings.Validator())
            .ToOptions([], [], isRedirected: false);

    private static IConfigurationRoot Configuration(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder()
            .AddInMemoryCollection(values.Select(static pair => new KeyValuePair<string, string?>(pair.Key, pair.Value)))
            .Build();
}
