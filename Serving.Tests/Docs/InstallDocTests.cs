using System.Text.RegularExpressions;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Deploy;
using Serving.Tests.Support;

namespace Serving.Tests.Docs;

/// <summary>docs/install.md gets from a cluster to a URL in five commands, with files, names and ports that there are.</summary>
internal sealed partial class InstallDocTests
{
    private static readonly string Text = File.ReadAllText(Repository.PathOf("docs", "install.md"));

    private static readonly string[] Clusters = ["kind", "k3d", "minikube", "AKS, EKS, GKE", "Bare metal"];

    [TestCaseSource(nameof(Clusters))]
    public void Each_kind_of_cluster_has_at_most_five_commands_that_end_with_a_request(string cluster)
    {
        var commands = Commands(cluster);

        commands.Should().HaveCountLessThanOrEqualTo(5);
        commands[^1].Should().StartWith("curl ");
        var applied = commands.Where(command => command.StartsWith("kubectl apply ", StringComparison.Ordinal)).ToList();
        applied[^1].Should().Be("kubectl apply -f samples/helloworld.yaml");
        var wait = commands.ToList().FindIndex(command => command.StartsWith("kubectl -n knative-serving wait ", StringComparison.Ordinal));
        wait.Should()
            .BeInRange(
                commands.ToList().IndexOf(applied[0]),
                commands.ToList().IndexOf(applied[^1]),
                "the webhook must be up before a Service is applied"
            );
    }

    [Test]
    public void Every_file_that_it_names_exists() =>
        Files()
            .Matches(Text)
            .Select(match => match.Value)
            .Distinct()
            .Should()
            .HaveCountGreaterThan(4)
            .And.OnlyContain(path => File.Exists(Path.Combine(Repository.Root, path)));

    [TestCase("kind")]
    [TestCase("k3d")]
    [TestCase("minikube")]
    public void A_cluster_of_this_machine_leads_port_80_to_the_node_port_and_has_the_domain_of_the_file(string cluster)
    {
        var objects = RenderedManifest.Read("serving-kind.yaml");
        var port = objects
            .Single(item => item is { Kind: "Service", Metadata.Name: "gateway" })
            .Get("spec", "ports")!
            .Value[0]
            .GetProperty("nodePort")
            .GetInt32();
        var domain = objects
            .Single(item => item.Metadata.Name == "config-domain")
            .Strings("data")
            .Keys.Single(key => key.EndsWith(".sslip.io", StringComparison.Ordinal));
        var commands = Commands(cluster);

        commands[0].Should().MatchRegex($@"127\.0\.0\.1\b.*\b80\b.*\b{port}\b");
        commands[1].Should().Be("kubectl apply -f deploy/serving-kind.yaml");
        commands[^1].Should().EndWith($"http://hello.default.{domain}");
    }

    [TestCase("AKS, EKS, GKE", "serving.yaml")]
    [TestCase("Bare metal", "serving-hostport.yaml")]
    public void Elsewhere_the_default_domain_is_applied_and_waited_for(string cluster, string file)
    {
        var commands = Commands(cluster);
        var job = RenderedManifest.Read("default-domain.yaml").Single(item => item.Kind == "Job");

        commands[0].Should().Be($"kubectl apply -f deploy/{file} -f deploy/default-domain.yaml");
        commands[1]
            .Should()
            .StartWith($"kubectl -n {job.Metadata.Namespace} wait job -l app={job.Metadata.Labels["app"]} --for=condition=complete");
    }

    /// <summary>The commands of the first block below a heading.</summary>
    private static string[] Commands(string heading)
    {
        var block = Regex.Match(
            Text,
            $@"^## {Regex.Escape(heading)}\n\n```sh\n(.*?)^```$",
            RegexOptions.Multiline | RegexOptions.Singleline
        );
        block.Success.Should().BeTrue("docs/install.md has the commands for {0}", heading);
        return block.Groups[1].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    [GeneratedRegex(@"(deploy|samples)/[\w./-]+\.(yaml|md)")]
    private static partial Regex Files();
}
