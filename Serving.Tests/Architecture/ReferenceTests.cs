using System.Xml.Linq;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.Architecture;

/// <summary>The arrows between projects, as docs/architecture.md draws them.</summary>
public sealed class ReferenceTests
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Serving.Api"] = [],
        ["Serving.Concurrency"] = [],
        ["Serving.Instruments"] = [],
        ["Serving.Kubernetes"] = ["Serving.Api", "Serving.Concurrency", "Serving.Instruments"],
        ["Serving.Templates"] = [],
        ["Serving.ConfigMaps"] = ["Serving.Api", "Serving.Kubernetes", "Serving.Templates"],
        ["Serving.Certificates"] = ["Serving.Api", "Serving.Kubernetes"],
        ["Serving.Controller"] = ["Serving.Api", "Serving.Kubernetes", "Serving.ConfigMaps", "Serving.Templates"],
        ["Serving.Webhook"] = ["Serving.Api", "Serving.Kubernetes", "Serving.ConfigMaps", "Serving.Certificates"],
        ["Serving.Dataplane"] = ["Serving.Concurrency", "Serving.Instruments"],
        ["Serving.Observability"] = ["Serving.Concurrency", "Serving.Instruments", "Serving.Templates"],
        ["Serving.Autoscaler"] = ["Serving.Api", "Serving.Kubernetes", "Serving.ConfigMaps", "Serving.Dataplane"],
        ["Serving.Activator"] = ["Serving.Api", "Serving.Kubernetes", "Serving.ConfigMaps", "Serving.Dataplane", "Serving.Observability"],
        ["Serving.Networking.Gateway"] =
        [
            "Serving.Api",
            "Serving.Kubernetes",
            "Serving.ConfigMaps",
            "Serving.Certificates",
            "Serving.Dataplane",
            "Serving.Observability",
            "Serving.Networking.Layers",
        ],
        ["Serving.Networking.Layers"] =
        [
            "Serving.Concurrency",
            "Serving.Api",
            "Serving.Kubernetes",
            "Serving.ConfigMaps",
            "Serving.Dataplane",
        ],
        ["Serving.Networking.GatewayApi"] = ["Serving.Api", "Serving.Kubernetes", "Serving.ConfigMaps", "Serving.Networking.Layers"],
        ["Serving.Networking.Istio"] = ["Serving.Api", "Serving.Kubernetes", "Serving.ConfigMaps", "Serving.Networking.Layers"],
        ["Serving.StatusPages"] = ["Serving.Api", "Serving.Kubernetes", "Serving.ConfigMaps", "Serving.Dataplane"],
        ["Serving.QueueProxy"] = ["Serving.Dataplane", "Serving.Observability", "Serving.Templates"],
        ["Serving.LocalCluster"] = ["Serving.Api", "Serving.Kubernetes"],
        ["Serving.TestPrograms"] = [],
        ["HelloWorld"] = [],
        ["Autoscale"] = [],
    };

    private static readonly string[] Hosting =
    [
        "Microsoft.Extensions.Hosting",
        "OpenTelemetry.Extensions.Hosting",
        "OpenTelemetry.Instrumentation",
    ];

    private static IEnumerable<string> Projects => Allowed.Keys;

    [TestCaseSource(nameof(Projects))]
    public void A_project_references_only_what_the_architecture_allows(string project)
    {
        var file = Directory.EnumerateFiles(Repository.Root, project + ".csproj", SearchOption.AllDirectories).Single();

        var references = XDocument
            .Load(file)
            .Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/')));

        references.Should().BeSubsetOf(Allowed[project]);
    }

    [Test]
    public void Every_module_is_drawn()
    {
        var projects = Directory
            .EnumerateFiles(Repository.PathOf("Serving.Modules"), "*.csproj", SearchOption.AllDirectories)
            .Select(file => Path.GetFileNameWithoutExtension(file));

        projects.Should().BeSubsetOf(Allowed.Keys);
    }

    [Test]
    public void What_the_sidecar_is_made_of_and_the_data_path_know_no_host()
    {
        var found = new[]
        {
            "Serving.QueueProxy",
            "Serving.Modules/Api",
            "Serving.Modules/Concurrency",
            "Serving.Modules/Dataplane",
            "Serving.Modules/Instruments",
            "Serving.Modules/Observability",
        }
            .SelectMany(static folder => Directory.EnumerateFiles(Repository.PathOf(folder), "*.cs*", SearchOption.AllDirectories))
            .Where(static file => !file.Split(Path.DirectorySeparatorChar).Any(static part => part is "obj" or "bin"))
            .Where(static file =>
                File.ReadLines(file).Any(static line => Hosting.Any(name => line.Contains(name, StringComparison.Ordinal)))
            )
            .Select(static file => Path.GetRelativePath(Repository.Root, file));

        found
            .Should()
            .BeEmpty("the sidecar pays for it in every pod, and gateway and activator with every request (docs/adr/0006-generic-host.md)");
    }
}
