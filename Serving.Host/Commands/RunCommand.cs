using System.CommandLine;
using Serving.Host.Cluster;

namespace Serving.Host.Commands;

/// <summary><c>run</c>: the control plane against a cluster, in a pod of it or from outside by a kubeconfig.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var kubeconfig = new Option<FileInfo?>("--kubeconfig") { Description = "A kubeconfig; without it the pod's service account, else the usual KUBECONFIG." };
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
        var command = new Command("run", "Runs the control plane against a Kubernetes cluster.") { kubeconfig, context, modules };
        command.SetAction(async (parsed, cancellation) => await new ClusterSession(
            new ClusterOptions(parsed.GetValue(kubeconfig)?.FullName, parsed.GetValue(context), parsed.GetValue(modules)!)).RunAsync(cancellation));
        return command;
    }
}
