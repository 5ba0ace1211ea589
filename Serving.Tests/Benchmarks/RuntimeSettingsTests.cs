using FluentAssertions;
using NUnit.Framework;
using Serving.Benchmarks.Processes;
using Serving.Kubernetes.Yaml;
using Serving.Tests.Support;

namespace Serving.Tests.Benchmarks;

public sealed class RuntimeSettingsTests
{
    [Test]
    public void Measured_hosts_have_the_runtime_settings_of_an_installation()
    {
        var deployment = YamlDocuments.Read(File.ReadAllText(Repository.PathOf("deploy", "workload", "deployment.yaml")))[0]!;
        var installed = deployment["spec"]!["template"]!["spec"]!["containers"]!.AsArray().Single()!["env"]!
            .AsArray()
            .Select(variable => (Name: (string)variable!["name"]!, Value: (string?)variable["value"]))
            .Where(variable => variable.Name.StartsWith("DOTNET_", StringComparison.Ordinal) && variable.Name != "DOTNET_EnableDiagnostics")
            .ToDictionary(variable => variable.Name, variable => variable.Value!);

        RuntimeSettings.Installed.Should().BeEquivalentTo(installed);
    }
}
