using System.Text.Json;
using Serving.Api.Config;
using Serving.Api.Core;

namespace Serving.Api.Validation;

/// <summary>Validates volumes and their mounts.</summary>
internal static class VolumeValidation
{
    private static readonly string[] ReservedPaths = ["/", "/dev", "/dev/log"];

    /// <summary>Validates the volumes of a pod; paths are relative to the list.</summary>
    public static FieldError Check(IReadOnlyList<Volume> volumes, IReadOnlySet<string> mounted, FeaturesConfig features)
    {
        var errors = FieldError.None;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < volumes.Count; i++)
        {
            var volume = volumes[i];
            var own = FieldError.None;
            if (!seen.Add(volume.Name))
            {
                own += FieldError.Generic($"duplicate volume name {GoText.Quote(volume.Name)}", "name");
            }

            if (!mounted.Contains(volume.Name))
            {
                own += FieldError.Generic($"volume with name {GoText.Quote(volume.Name)} not mounted", "name");
            }

            errors += (own + One(volume, features)).ViaIndex(i);
        }

        return errors;
    }

    /// <summary>Validates the mounts of a container; paths are relative to the list.</summary>
    public static FieldError Mounts(IReadOnlyList<VolumeMount> mounts, IReadOnlyDictionary<string, Volume> volumes, FeaturesConfig features)
    {
        var errors = FieldError.None;
        var paths = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < mounts.Count; i++)
        {
            errors += Mount(mounts[i], volumes.GetValueOrDefault(mounts[i].Name), paths, features).ViaIndex(i);
        }

        return errors;
    }

    private static FieldError Mount(VolumeMount mount, Volume? volume, HashSet<string> paths, FeaturesConfig features)
    {
        string[] open = ["name", "readOnly", "mountPath", "subPath"];
        var errors = FieldMask.Check(
            mount,
            features.PodSpecVolumesMountPropagation == FeatureFlag.Disabled ? open : [.. open, "mountPropagation"]
        );
        if (volume is null)
        {
            errors += FieldError.Generic("volumeMount has no matching volume", "name");
        }

        var path = CleanPath(mount.MountPath);
        var isNew = paths.Add(path);
        errors +=
            mount.MountPath.Length == 0 ? FieldError.Missing("mountPath")
            : ReservedPaths.Contains(path) ? FieldError.Generic($"mountPath {GoText.Quote(path)} is a reserved path", "mountPath")
            : !mount.MountPath.StartsWith('/') ? FieldError.Invalid(mount.MountPath, "mountPath")
            : isNew ? FieldError.None
            : FieldError.Invalid($"{GoText.Quote(mount.MountPath)} must be unique", "mountPath");
        if (
            mount.ReadOnly != true
            && volume is not ({ EmptyDir: not null } or { PersistentVolumeClaim: not null } or { Ephemeral: not null })
        )
        {
            errors += FieldError.Generic("volume mount should be readOnly for this type of volume", "readOnly");
        }

        if (mount.MountPropagation.Length > 0)
        {
            if (features.PodSpecVolumesMountPropagation != FeatureFlag.Enabled)
            {
                errors += FieldError.Generic(
                    $"Volume Mount Propagation support is disabled, but found volume mount {mount.Name} with mount propagation"
                );
            }

            if (mount.MountPropagation is not ("None" or "HostToContainer"))
            {
                errors += FieldError.Generic("mount propagation should be set to None or HostToContainer", "mountPropagation");
            }
        }

        return volume?.PersistentVolumeClaim?.ReadOnly == true && mount.ReadOnly != true
            ? errors + FieldError.Generic("volume is readOnly but volume mount is not", "readOnly")
            : errors;
    }

    private static FieldError One(Volume volume, FeaturesConfig features)
    {
        var errors = Support(volume, features);
        if (volume.Name.Length == 0)
        {
            errors = FieldError.Missing("name");
        }
        else if (Names.Dns1123Label(volume.Name).Count > 0)
        {
            errors = FieldError.Invalid(volume.Name, "name");
        }

        var sources = Sources(volume, features);
        string[] open = ["name", .. sources.Where(s => s.Flag != FeatureFlag.Disabled).Select(s => s.Field)];
        errors += FieldMask.Check(volume, open);
        errors +=
            PodSpecValidation.Each(volume.Secret?.Items ?? [], Key, "items")
            + PodSpecValidation.Each(volume.ConfigMap?.Items ?? [], Key, "items");
        errors += PodSpecValidation.Each(volume.Projected?.Sources ?? [], Projection, "projected");
        errors += EmptyDir(volume.EmptyDir).Via("emptyDir") + Image(volume.Image).Via("image");

        string[] specified = [.. sources.Where(s => s.IsSet).Select(s => s.Field)];
        return specified.Length switch
        {
            0 => errors + FieldError.MissingOneOf([.. sources.Where(s => s.Flag == FeatureFlag.Enabled).Select(s => s.Field)]),
            1 => errors,
            _ => errors + FieldError.MultipleOneOf(specified),
        };
    }

    private static (string Field, bool IsSet, FeatureFlag Flag)[] Sources(Volume volume, FeaturesConfig features) =>
        [
            ("secret", volume.Secret is not null, FeatureFlag.Enabled),
            ("configMap", volume.ConfigMap is not null, FeatureFlag.Enabled),
            ("projected", volume.Projected is not null, FeatureFlag.Enabled),
            ("emptyDir", volume.EmptyDir is not null, features.PodSpecVolumesEmptyDir),
            ("persistentVolumeClaim", volume.PersistentVolumeClaim is not null, features.PodSpecPersistentVolumeClaim),
            ("hostPath", volume.HostPath is not null, features.PodSpecVolumesHostPath),
            ("csi", volume.Csi is not null, features.PodSpecVolumesCSI),
            ("ephemeral", volume.Ephemeral is not null, features.PodSpecVolumesEphemeral),
            ("image", volume.Image is not null, features.PodSpecVolumesImage),
        ];

    private static FieldError Support(Volume volume, FeaturesConfig features)
    {
        var errors = FieldError.None;
        if (volume.PersistentVolumeClaim is { } claim)
        {
            if (features.PodSpecPersistentVolumeClaim != FeatureFlag.Enabled)
            {
                errors += FieldError.Generic(
                    $"Persistent volume claim support is disabled, but found persistent volume claim {claim.ClaimName}"
                );
            }

            if (claim.ReadOnly != true && features.PodSpecPersistentVolumeWrite != FeatureFlag.Enabled)
            {
                errors += FieldError.Generic(
                    $"Persistent volume write support is disabled, but found persistent volume claim {claim.ClaimName} that is not read-only"
                );
            }
        }

        (bool IsSet, FeatureFlag Flag, string Name)[] flagged =
        [
            (volume.Image is not null, features.PodSpecVolumesImage, "Image"),
            (volume.EmptyDir is not null, features.PodSpecVolumesEmptyDir, "EmptyDir"),
            (volume.HostPath is not null, features.PodSpecVolumesHostPath, "HostPath"),
            (volume.Csi is not null, features.PodSpecVolumesCSI, "CSI"),
            (volume.Ephemeral is not null, features.PodSpecVolumesEphemeral, "Ephemeral"),
        ];
        return flagged
            .Where(f => f.IsSet && f.Flag != FeatureFlag.Enabled)
            .Aggregate(
                errors,
                (all, f) => all + FieldError.Generic($"{f.Name} volume support is disabled, but found {f.Name} volume {volume.Name}")
            );
    }

    private static FieldError Projection(VolumeProjection projection)
    {
        var errors = FieldMask.Check(projection, "secret", "configMap", "serviceAccountToken", "downwardAPI");
        var specified = new List<string>();
        if (projection.Secret is { } secret)
        {
            specified.Add("secret");
            errors += Keys(secret).Via("secret");
        }

        if (projection.ConfigMap is { } map)
        {
            specified.Add("configMap");
            errors += Keys(map).Via("configMap");
        }

        if (projection.ServiceAccountToken is { } token)
        {
            specified.Add("serviceAccountToken");
            errors += (FieldMask.Check(token, "audience", "expirationSeconds", "path") + Required(token.Path, "path")).Via(
                "serviceAccountToken"
            );
        }

        if (projection.DownwardAPI is { } fields)
        {
            specified.Add("downwardAPI");
            errors += (FieldMask.Check(fields, "items") + PodSpecValidation.Each(fields.Items, PodField, "items")).Via("downwardAPI");
        }

        return specified.Count switch
        {
            0 => errors + FieldError.MissingOneOf("secret", "configMap", "serviceAccountToken", "downwardAPI"),
            1 => errors,
            _ => errors + FieldError.MultipleOneOf([.. specified]),
        };
    }

    private static FieldError Keys(SecretProjection projection) =>
        FieldMask.Check(projection, "name", "items", "optional")
        + Required(projection.Name, "name")
        + PodSpecValidation.Each(projection.Items, Key, "items");

    private static FieldError PodField(DownwardApiVolumeFile file) =>
        FieldMask.Check(file, "fieldRef", "resourceFieldRef", "path", "mode")
        + (
            file.FieldRef is null && file.ResourceFieldRef is null ? FieldError.MissingOneOf("fieldRef", "resourceFieldRef")
            : file.FieldRef is not null && file.ResourceFieldRef is not null
                ? FieldError.Generic("Within a single item, cannot set both", "resourceFieldRef", "fieldRef")
            : FieldError.None
        )
        + Required(file.Path, "path");

    private static FieldError Key(KeyToPath item) =>
        FieldMask.Check(item, "key", "path", "mode") + Required(item.Key, "key") + Required(item.Path, "path");

    private static FieldError EmptyDir(EmptyDirVolumeSource? directory) =>
        directory is null
            ? FieldError.None
            : (directory.Medium is "" or "Memory" ? FieldError.None : FieldError.Invalid(directory.Medium, "medium"))
                + (
                    directory.SizeLimit is { } limit && limit.TryGetAmount(out var amount) && amount < 0
                        ? FieldError.Invalid(limit, "sizeLimit")
                        : FieldError.None
                );

    private static FieldError Image(JsonElement? image)
    {
        if (image is not { ValueKind: JsonValueKind.Object } source)
        {
            return FieldError.None;
        }

        var policy = Text("pullPolicy");
        return Required(Text("reference"), "reference")
            + (policy is "" or "Always" or "Never" or "IfNotPresent" ? FieldError.None : FieldError.Invalid(policy, "pullPolicy"));

        string Text(string name) => PodSecurity.Member(source, name) is { ValueKind: JsonValueKind.String } text ? text.GetString()! : "";
    }

    private static FieldError Required(string value, string field) => value.Length == 0 ? FieldError.Missing(field) : FieldError.None;

    // Lexical path cleaning: empty and dot parts are dropped, and .. removes the part before it.
    private static string CleanPath(string path)
    {
        var parts = new List<string>();
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == ".." && (parts.Count > 0 || path.StartsWith('/')))
            {
                parts.RemoveRange(Math.Max(0, parts.Count - 1), Math.Min(1, parts.Count));
            }
            else if (part != ".")
            {
                parts.Add(part);
            }
        }

        var joined = string.Join('/', parts);
        return path.StartsWith('/') ? "/" + joined
            : joined.Length == 0 ? "."
            : joined;
    }
}
