using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Configuration;
using NUnit.Framework;
using Serving.Host;
using Serving.Host.Cluster;
using Serving.Host.Composition;
using Serving.Host.Local;
using Serving.Host.Settings;

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

    private static ClusterOptions Run(IConfiguration lower, params string[] args) =>
        SettingsReader
            .Read(RunSettings.Section, lower, CommandLine.Create().Parse(["run", .. args]), new RunSettings.Validator())
            .ToOptions();

    private static LocalOptions Local(IConfiguration lower, params string[] args) =>
        SettingsReader
            .Read(LocalSettings.Section, lower, CommandLine.Create().Parse(["local", .. args]), new LocalSettings.Validator())
            .ToOptions([], [], isRedirected: false);

    private static IConfiguration Configuration(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder()
            .AddInMemoryCollection(values.Select(static pair => new KeyValuePair<string, string?>(pair.Key, pair.Value)))
            .Build();
}
